"""Exports in OTLP's JSON, read back by the protocol's own messages."""

import pytest
from envoy_rig.otlp_collector import SERVER, read_export
from google.protobuf.json_format import ParseError
from weighbridge.tracing.span import Span, exported

ATTRIBUTES = {"text": "large", "whole": 2**40, "real": 0.25, "yes": True, "no": False}


def span(**fields):
    made = {
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "parent_id": "b7ad6b7169203331",
        "name": "decide",
        "start_ns": 1_800_000_000_000_000_000,
        "end_ns": 1_800_000_000_000_250_000,
        "attributes": ATTRIBUTES,
    }
    return Span(**made | fields)


def read(*spans):
    return list(read_export("application/json", exported({"service.name": "router"}, spans)))


def test_a_span_arrives_as_it_was():
    (seen,) = read(span())

    assert (seen.service, seen.name, seen.kind) == ("router", "decide", SERVER)
    assert (seen.trace_id, seen.span_id, seen.parent_id) == (
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00f067aa0ba902b7",
        "b7ad6b7169203331",
    )
    assert seen.nanoseconds == 250_000
    assert seen.attributes == ATTRIBUTES
    assert {name: type(value) for name, value in seen.attributes.items()} == {
        name: type(value) for name, value in ATTRIBUTES.items()
    }
    assert not seen.failed


def test_a_root_has_no_parent():
    (seen,) = read(span(parent_id=""))

    assert seen.parent_id == ""


def test_a_failure_is_an_error():
    (seen,) = read(span(failed=True))

    assert seen.failed


def test_spans_arrive_in_their_order():
    assert [seen.name for seen in read(span(name="a"), span(name="b"))] == ["a", "b"]


def test_a_field_that_the_protocol_does_not_know_would_be_found():
    body = exported({"service.name": "router"}, [span()]).replace(b'"kind"', b'"kinds"')

    with pytest.raises(ParseError, match="kinds"):
        list(read_export("application/json", body))

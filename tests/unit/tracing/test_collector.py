"""What a collector may answer, and what becomes of the connection to it."""

import json
import socket

import pytest
from envoy_rig.otlp_collector import otlp_collector
from weighbridge.tracing.collector import Collector, CollectorError
from weighbridge.tracing.span import exported

EXPORT = exported({"service.name": "router"}, [])


@pytest.fixture
def other_end():
    with otlp_collector() as other_end:
        yield other_end


@pytest.fixture
def collector(other_end):
    collector = Collector(other_end.url)
    yield collector
    collector.close()


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (b"", 0),
        (b"{}", 0),
        (b'{"partialSuccess":{}}', 0),
        (b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}', 3),
        (b'{"partialSuccess":{"rejectedSpans":2}}', 2),
        (b"ok", 0),
        (b"[]", 0),
    ],
)
def test_refused_spans_are_those_that_the_answer_counts(collector, other_end, answer, refused):
    other_end.answer = (200, answer)

    assert collector.send(EXPORT) == refused
    assert other_end.exports == [("application/json", EXPORT)]


def test_any_success_is_one(collector, other_end):
    other_end.answer = (202, b"")

    assert collector.send(EXPORT) == 0


def test_a_host_name_that_can_be_none_is_said():
    with pytest.raises(CollectorError, match="Unicode") as caught:
        Collector(f"http://{'x' * 70}.y").send(EXPORT)
    assert not caught.value.refused


@pytest.mark.parametrize("status", [400, 404, 429, 503])
def test_another_status_refuses_the_whole_export(collector, other_end, status):
    other_end.answer = (status, b"no")

    with pytest.raises(CollectorError, match=f"status {status}") as caught:
        collector.send(EXPORT)
    assert caught.value.refused


def test_one_connection_serves_many_exports(collector, other_end):
    collector.send(EXPORT)
    kept = collector._connection.sock
    collector.send(EXPORT)

    assert collector._connection.sock is kept
    assert len(other_end.exports) == 2


def test_a_connection_that_the_other_end_closed_is_opened_anew(collector, other_end):
    collector.send(EXPORT)
    collector._connection.sock.shutdown(socket.SHUT_RDWR)

    assert collector.send(EXPORT) == 0
    assert len(other_end.exports) == 2


def test_nobody_there_is_said_with_the_reason():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        with pytest.raises(CollectorError, match="ConnectionRefusedError") as caught:
            Collector(f"http://127.0.0.1:{taken.getsockname()[1]}").send(EXPORT)
    assert not caught.value.refused


def test_what_is_no_http_is_unsent():
    with socket.create_server(("127.0.0.1", 0)) as server:
        collector = Collector(f"http://127.0.0.1:{server.getsockname()[1]}")
        collector._connection.connect()
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"\x00" * 100 + b"\r\n\r\n")
            server.close()
            with pytest.raises(CollectorError) as caught:
                collector.send(EXPORT)
    assert not caught.value.refused


@pytest.mark.parametrize(
    ("endpoint", "path", "port"),
    [
        ("http://c:4318", "/v1/traces", 4318),
        ("http://c:4318/", "/v1/traces", 4318),
        ("https://c/otlp", "/otlp/v1/traces", 443),
        ("http://[::1]:9/a/", "/a/v1/traces", 9),
    ],
)
def test_the_protocol_s_path_is_added_to_the_endpoint(endpoint, path, port):
    collector = Collector(endpoint)

    assert (collector._path, collector._connection.port) == (path, port)


def test_exports_are_json_for_any_reader(collector, other_end):
    collector.send(EXPORT)

    assert json.loads(other_end.exports[0][1])["resourceSpans"]

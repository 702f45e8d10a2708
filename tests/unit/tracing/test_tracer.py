"""Who decides what is recorded, and what a span tells."""

import re

import pytest
from weighbridge.classifier import Complexity
from weighbridge.contract import Endpoint, Outcome, Reason, SpanAttribute, Stage
from weighbridge.policy import Decision
from weighbridge.tracing.tracer import Decided, Tracer, resource

GATEWAY = "4bf92f3577b34da6a3ce929d0e0e4736"
CLIENT = "0af7651916cd43dd8448eb211c80319c"


def header(trace, flags="01"):
    return f"00-{trace}-00f067aa0ba902b7-{flags}"


@pytest.fixture
def spans():
    return []


@pytest.fixture
def tracer(spans):
    def make(sample=1.0):
        return Tracer(sample, spans.append)

    return make


def decided(**fields):
    decision = Decision("large", Reason.SCORE, Outcome.WEIGHED, 0.81234)
    return Decided(
        **{"decision": decision, "seconds": 0.0005, "body_bytes": 9, "generation": 3} | fields
    )


@pytest.mark.parametrize("sample", [0.0, 1.0])
@pytest.mark.parametrize(("flags", "recorded"), [("01", True), ("00", False)])
def test_the_gateway_s_word_is_kept(tracer, sample, flags, recorded):
    trace = tracer(sample).begin(header(GATEWAY, flags), header(CLIENT))

    assert (trace.trace_id, trace.parent_id) == (GATEWAY, "00f067aa0ba902b7")
    assert bool(trace.span_id) is recorded


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize(("sample", "recorded"), [(1.0, True), (0.0, False)])
def test_a_client_names_the_trace_and_decides_nothing(tracer, sample, recorded, flags):
    trace = tracer(sample).begin("", header(CLIENT, flags))

    assert trace.trace_id == CLIENT
    assert bool(trace.span_id) is recorded


def test_without_a_trace_a_share_begins_its_own(tracer):
    begun = tracer(1.0).begin("", "junk")

    assert re.fullmatch("[0-9a-f]{32}", begun.trace_id)
    assert re.fullmatch("[0-9a-f]{16}", begun.span_id)
    assert begun.parent_id == ""
    nothing = tracer(0.0).begin("", "")
    assert (nothing.trace_id, nothing.span_id) == ("", "")


def test_each_span_has_an_id_of_its_own(tracer):
    begun = [tracer(1.0).begin(header(GATEWAY), "") for _ in range(100)]

    assert len({trace.span_id for trace in begun}) == 100


def test_what_is_not_recorded_is_not_exported(tracer, spans):
    made = tracer(0.0)
    made.end(made.begin(header(GATEWAY, "00"), ""), decided())

    assert spans == []


def test_a_span_tells_the_decision_and_its_stages(tracer, spans):
    made = tracer()
    trace = made.begin(header(GATEWAY), "")
    trace.stages |= {Stage.PARSE: 0.0001, Stage.CLASSIFY: 0.0002, Stage.REFINE: 0.003}
    complexity = Complexity(0.8, stage="stage2", remembered=True)
    made.end(trace, decided(endpoint=Endpoint.COMPLETIONS, complexity=complexity))

    (span,) = spans
    assert span.attributes == {
        "weighbridge.tier": "large",
        "weighbridge.reason": "score",
        "weighbridge.outcome": "weighed",
        "weighbridge.score": 0.812,
        "weighbridge.generation": 3,
        "weighbridge.classifier_stage": "stage2",
        "weighbridge.remembered": True,
        "weighbridge.parse_seconds": 0.0001,
        "weighbridge.classify_seconds": 0.0002,
        "weighbridge.refine_seconds": 0.003,
        "gen_ai.operation.name": "text_completion",
        "http.request.body.size": 9,
    }
    assert span.end_ns - span.start_ns == 500_000
    assert not span.failed


def test_a_failure_is_told_by_its_reason(tracer, spans):
    made = tracer()
    failed = Decision("large", Reason.UNPARSED, Outcome.FAILED, None)
    made.end(made.begin(header(GATEWAY), ""), decided(decision=failed))

    (span,) = spans
    assert span.failed
    assert span.attributes["error.type"] == "unparsed"
    assert SpanAttribute.SCORE not in span.attributes


def test_a_process_says_who_it_is():
    said = resource()

    assert said["service.name"] == "weighbridge-router"
    assert set(said) == {"service.name", "service.version", "service.instance.id"}

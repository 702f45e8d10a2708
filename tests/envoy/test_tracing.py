"""One trace of a request by real Envoy and the real router, and what tracing must never cost."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from envoy_rig.expositions import total
from envoy_rig.otlp_collector import CLIENT, SERVER, otlp_collector
from envoy_rig.requests import EASY, HARD, chat, client_of, decision, received
from envoy_rig.rig import wait_until
from weighbridge.local.ports import free_ports
from weighbridge_mesh.options import Endpoint, TracingOptions

PATH = "/v1/chat/completions"
SECRET = "my-diagnosis-is-rare"
TRACE = "0af7651916cd43dd8448eb211c80319c"
GATEWAY, ROUTER = "weighbridge-gateway", "weighbridge-router"
SENT = "weighbridge_spans_total"
NOT_STORED = {
    *("http.url", "user_agent", "guid:x-request-id", "peer.address"),
    *("node_id", "zone", "downstream_cluster"),
}


def parent(trace=TRACE, *, sampled=True):
    return {"traceparent": f"00-{trace}-b7ad6b7169203331-0{int(sampled)}"}


def to(collector, **options):
    return TracingOptions(collector=Endpoint("127.0.0.1", collector.port), **options)


def spans_out_at_once(rendered):
    """Envoy's exports by the span, so that a test waits for milliseconds."""
    rendered["layered_runtime"]["layers"][0]["static_layer"] = {
        "tracing.opentelemetry.min_flush_spans": 1
    }


def traced_router(rig, url, **env):
    return rig.router(WEIGHBRIDGE_TRACING__ENABLED="true", WEIGHBRIDGE_TRACING__ENDPOINT=url, **env)


@pytest.fixture(scope="module")
def collector():
    with otlp_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def router(rig, collector):
    return traced_router(rig, collector.url, WEIGHBRIDGE_TRACING__SAMPLE="0")


def gateway(rig, endpoints, router, tracing):
    envoy = rig.envoy(endpoints, [router.endpoint], change=spans_out_at_once, tracing=tracing)
    return SimpleNamespace(envoy=envoy, client=client_of(envoy))


@pytest.fixture(scope="module")
def traced(rig, endpoints, router, collector):
    """Every request is recorded."""
    made = gateway(rig, endpoints, router, to(collector, sample=1.0))
    with made.client:
        yield made


@pytest.fixture(scope="module")
def whole_trace(traced, collector):
    """One request with secrets at all ends, and its spans by name."""
    response = traced.client.post(
        f"{PATH}?key={SECRET}",
        json=chat(f"{HARD} {SECRET}", user=SECRET, metadata={"k": SECRET}),
        headers={
            **parent(),
            "authorization": f"Bearer {SECRET}",
            "cookie": SECRET,
            "user-agent": SECRET,
            "x-request-id": SECRET,
            "x-user": SECRET,
            "baggage": f"k={SECRET}",
        },
    )
    spans = complete(collector, TRACE)

    def logged():
        return [line for line in traced.envoy.lines() if line["trace_id"] == TRACE]

    wait_until(logged, "the access log")
    return SimpleNamespace(response=response, spans=spans, line=logged()[0])


def complete(collector, trace):
    """The four spans of a trace."""
    wait_until(lambda: len(collector.spans(trace_id=trace)) == 4, "four spans arrive")
    ingress, call, decide, pool = sorted(collector.spans(trace_id=trace), key=_order)
    return SimpleNamespace(ingress=ingress, call=call, decide=decide, pool=pool)


def _order(span):
    names = ("ingress", "async envoy.service.ext_proc", "decide", "router tier-")
    return next(i for i, name in enumerate(names) if span.name.startswith(name))


def test_spans_of_gateway_and_router_are_one_trace_parent_and_child(whole_trace):
    spans = whole_trace.spans

    assert spans.ingress.parent_id == "b7ad6b7169203331"
    assert spans.call.parent_id == spans.ingress.span_id
    assert spans.decide.parent_id == spans.call.span_id
    assert spans.pool.parent_id == spans.ingress.span_id
    assert {s.service for s in (spans.ingress, spans.call, spans.pool)} == {GATEWAY}
    assert spans.decide.service == ROUTER
    assert (spans.call.kind, spans.decide.kind) == (CLIENT, SERVER)


def test_the_decision_s_span_tells_what_the_client_was_told(whole_trace):
    headers, said = whole_trace.response.headers, whole_trace.spans.decide.attributes

    assert said["weighbridge.tier"] == headers["x-weighbridge-tier"] == "large"
    assert said["weighbridge.reason"] == headers["x-weighbridge-reason"]
    assert f"{said['weighbridge.score']:.3f}" == headers["x-weighbridge-score"]
    assert said["gen_ai.operation.name"] == "chat"
    assert said["weighbridge.remembered"] is False
    stages = said["weighbridge.parse_seconds"] + said["weighbridge.classify_seconds"]
    assert 0 < stages * 1e9 <= whole_trace.spans.decide.nanoseconds


def test_pool_is_given_the_trace(whole_trace):
    (told,) = received(whole_trace.response, "traceparent")

    assert told == f"00-{TRACE}-{whole_trace.spans.pool.span_id}-01"


def test_request_id_of_a_client_stays_as_it_was(whole_trace):
    assert received(whole_trace.response, "x-request-id") == [SECRET]


def test_access_log_and_router_log_name_the_trace(whole_trace, router):
    assert whole_trace.line["trace_id"] == TRACE
    assert whole_trace.line["span_id"] == whole_trace.spans.ingress.span_id

    def logged():
        lines = map(json.loads, router.log.read_text().splitlines())
        return [line for line in lines if line.get("trace_id") == TRACE]

    wait_until(logged, "the router's line is written")
    (line,) = logged()
    assert line["span_id"] == whole_trace.spans.decide.span_id


def test_nothing_that_the_client_wrote_is_in_any_exported_byte(whole_trace, collector):
    exported = collector.bytes()

    assert whole_trace.spans.ingress.attributes["http.url"] == PATH
    assert SECRET.encode() not in exported
    assert HARD[:20].encode() not in exported
    assert b"192.0.2" not in exported
    for name in ("user_agent", "guid:x-request-id", "peer.address"):
        assert whole_trace.spans.ingress.attributes[name] == "-"


def test_collector_s_list_knows_every_attribute_that_is_sent(whole_trace):
    config = Path(__file__).parents[2] / "observability" / "collector" / "config.yaml"
    processors = yaml.safe_load(config.read_text(encoding="utf-8"))["processors"]
    sent = {name for span in vars(whole_trace.spans).values() for name in span.attributes}

    assert sent - set(processors["redaction"]["allowed_keys"]) == NOT_STORED


def test_equal_ask_is_told_as_remembered(traced, collector):
    for number in (1, 2):
        trace = f"{number:032x}"
        traced.client.post(PATH, json=chat("Name a colour."), headers=parent(trace))
        said = complete(collector, trace).decide.attributes
        assert said["weighbridge.remembered"] is (number == 2)


def test_decision_that_failed_is_an_error_with_its_reason(traced, collector):
    trace = "e" * 32
    traced.client.post(PATH, content=b"no json", headers=parent(trace))

    span = complete(collector, trace).decide
    assert span.failed
    assert span.attributes["error.type"] == "unparsed"


def test_router_counts_what_it_sent(whole_trace, router):
    assert whole_trace.spans.decide
    wait_until(lambda: total(router.metrics(), SENT, result="sent") > 0, "the count")
    assert total(router.metrics(), SENT) == total(router.metrics(), SENT, result="sent")


@pytest.mark.parametrize(
    ("heed_clients", "recorded"), [(False, set()), (True, {"a" * 32})], ids=["share", "clients"]
)
def test_client_decides_about_recording_only_where_that_is_asked_for(
    rig, endpoints, router, collector, traced, heed_clients, recorded
):
    quiet = gateway(rig, endpoints, router, to(collector, sample=0.0, heed_clients=heed_clients))
    with quiet.client as client:
        for trace, sampled in (("a" * 32, True), ("b" * 32, False)):
            response = client.post(PATH, json=chat(), headers=parent(trace, sampled=sampled))
            assert decision(response) == ("small", "score")
            (told,) = received(response, "traceparent")
            assert told.split("-")[1] == trace
            assert told.endswith("-01" if trace in recorded else "-00")
    # What comes after in the same router has arrived: so would what came before.
    barrier = f"{5 + heed_clients:032x}"
    traced.client.post(PATH, json=chat(), headers=parent(barrier))
    complete(collector, barrier)
    if recorded:
        complete(collector, "a" * 32)
    seen = {span.trace_id for span in collector.spans()}
    assert seen & {"a" * 32, "b" * 32} >= recorded
    assert "b" * 32 not in seen


def test_envoy_counts_its_own(whole_trace, traced):
    assert whole_trace.spans.ingress
    assert traced.envoy.stats()["tracing.opentelemetry.spans_sent"] >= 3


def test_without_tracing_there_is_no_span_and_nothing_of_it_in_the_request(stack):
    response = stack.client.post(PATH, json=chat(), headers=parent())

    assert received(response, "traceparent") == [parent()["traceparent"]]
    assert total(stack.router.metrics(), SENT) == 0
    assert not any(name.startswith("tracing.") for name in stack.envoy.stats())
    plain = stack.client.post(PATH, json=chat())
    assert received(plain, "traceparent") == []


def test_router_alone_joins_the_client_s_trace(rig, endpoints, collector):
    router = traced_router(rig, collector.url, WEIGHBRIDGE_TRACING__SAMPLE="1")
    with client_of(rig.envoy(endpoints, [router.endpoint])) as client:
        client.post(PATH, json=chat(), headers=parent("d" * 32, sampled=False))

    wait_until(lambda: collector.spans(trace_id="d" * 32), "the span arrives")
    (span,) = collector.spans(trace_id="d" * 32)
    assert (span.name, span.parent_id) == ("decide", "b7ad6b7169203331")


def test_dead_collector_costs_spans_and_nothing_else(rig, endpoints):
    (port,) = free_ports(1)
    dead = SimpleNamespace(port=port, url=f"http://127.0.0.1:{port}")
    router = traced_router(rig, dead.url)
    made = gateway(rig, endpoints, router, to(dead, sample=1.0))
    with made.client as client:
        answers = [client.post(PATH, json=chat(text)) for text in (EASY, HARD) * 5]

    assert [decision(answer) for answer in answers] == [("small", "score"), ("large", "score")] * 5
    wait_until(lambda: total(router.metrics(), SENT, result="unsent") == 10, "ten spans are lost")
    assert total(router.metrics(), SENT) == 10
    assert router.terminate() == 0


def test_collector_that_hangs_holds_up_no_request(rig, endpoints):
    with otlp_collector() as slow, slow.holding():
        router = traced_router(rig, slow.url, WEIGHBRIDGE_TRACING__QUEUE="3")
        made = gateway(rig, endpoints, router, to(slow, sample=1.0))
        with made.client as client:
            assert client.post(PATH, json=chat()).status_code == 200
            wait_until(lambda: slow.spans(service=ROUTER), "the first export hangs")
            answers = [client.post(PATH, json=chat()) for _ in range(10)]

            assert {decision(answer) for answer in answers} == {("small", "score")}
            assert total(router.metrics(), SENT, result="queue-full") == 7

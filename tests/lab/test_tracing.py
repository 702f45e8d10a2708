"""One trace of a request in the mesh: gateway, router and pool, in a real collector."""

import json
from types import SimpleNamespace

import pytest
import yaml
from contract.tree import REPOSITORY
from envoy_rig.requests import HARD, chat
from lab.asking import CHAT, client_of, log_lines, until_answered
from lab.collector import printed
from lab.stage import by_api, gateway_url, pod, put_back, remove, until_pod_is_ready
from weighbridge_lab.installation import INGRESS, until_rolled_out
from weighbridge_lab.lab import MADE_GATEWAY
from weighbridge_lab.waiting import until

NAMESPACE = "observability"
NAME = "otel-collector"
COMMITTED = REPOSITORY / "observability" / "collector" / "config.yaml"
TRACE = "0af7651916cd43dd8448eb211c80319{}"
SECRET = "my-diagnosis-is-rare"
SPANS = 4
GATEWAYS = {"istio": INGRESS, "gateway-api": MADE_GATEWAY}


@pytest.fixture(scope="module")
def stage(lab):
    """The collector, and routers that send it their spans."""
    manifests = _collector()
    lab.apply(manifests)
    until_pod_is_ready(lab, NAMESPACE, NAME)
    endpoint = f"http://{NAME}.{NAMESPACE}:4318"
    tracing = {"enabled": True, "endpoint": endpoint, "sample": 0}
    lab.install_router({"settings": {"tracing": tracing}})
    until_rolled_out(lab.cluster, "weighbridge", "deployment/weighbridge-router")
    yield
    lab.install_router(force=True)
    lab.until_ready()
    remove(lab, manifests)


@pytest.fixture(scope="module", params=list(GATEWAYS))
def traced(request, lab, stage):
    """A gateway whose every request is recorded."""
    del stage
    lab.install_mesh({**by_api(request.param), "tracing": {"enabled": True, "sample": 1}})
    try:
        with client_of(gateway_url(lab, request.param)) as client:
            until_answered("a span arrives", lambda: _is_traced(lab, client), 60)
            yield SimpleNamespace(lab=lab, client=client, api=request.param)
    finally:
        put_back(lab)


def test_gateway_router_and_pool_are_one_trace_and_say_nothing_of_the_client(traced):
    trace = TRACE.format({"istio": "a", "gateway-api": "b"}[traced.api])

    answer = _ask(traced.client, trace)

    spans = _spans(traced.lab, trace)
    ingress, call, decide, pool = (
        _named(spans, name) for name in ("", "async", "decide", "router")
    )
    assert ingress["Parent ID"] == "b7ad6b7169203331"
    assert call["Parent ID"] == ingress["ID"]
    assert decide["Parent ID"] == call["ID"]
    assert pool["Parent ID"] == ingress["ID"]
    assert decide.attributes["weighbridge.tier"] == answer.headers["x-weighbridge-tier"]
    assert decide.of["service.name"] == "weighbridge-router"
    assert ingress.of["service.name"] == "weighbridge-gateway"
    assert SECRET not in _said(traced.lab)


def test_a_client_s_word_does_not_decide_what_is_recorded(traced):
    trace = TRACE.format({"istio": "c", "gateway-api": "d"}[traced.api])

    _ask(traced.client, trace, sampled=False)

    assert len(_spans(traced.lab, trace)) == SPANS


def test_the_access_log_has_the_trace(traced):
    trace = TRACE.format({"istio": "e", "gateway-api": "f"}[traced.api])
    answer = _ask(traced.client, trace)

    def logged():
        lines = log_lines(traced.lab, GATEWAYS[traced.api])
        return lines.get(answer.headers["x-request-id"])

    assert until("the line is there", logged)["trace_id"] == trace


def _ask(client, trace, *, sampled=True):
    headers = {
        "traceparent": f"00-{trace}-b7ad6b7169203331-0{int(sampled)}",
        "user-agent": SECRET,
        "x-user": SECRET,
    }
    body = chat(f"{HARD} {SECRET}", max_tokens=2)
    return client.post(f"{CHAT}?key={SECRET}", json=body, headers=headers)


def _spans(lab, trace):
    def complete():
        found = [block for block in printed(_said(lab)) if block["Trace ID"] == trace]
        return found if len(found) == SPANS else None

    return until("all spans of the trace arrive", complete, 60)


def _named(spans, name):
    """The span whose name begins so; with "", the gateway's own, which has the host's name."""
    others = ("async", "decide", "router")
    (found,) = (
        span
        for span in spans
        if (span["Name"].startswith(name) if name else not span["Name"].startswith(others))
    )
    return found


def _said(lab):
    return lab.kubectl("logs", NAME, "--namespace", NAMESPACE)


def _is_traced(lab, client):
    client.post(CHAT, json=chat(max_tokens=2))
    return "weighbridge-gateway" in _said(lab)


def _collector():
    """A collector with the committed configuration, but that it prints spans and reads no files."""
    config = yaml.safe_load(COMMITTED.read_text(encoding="utf-8"))
    del config["receivers"]["filelog"], config["processors"]["transform/logs"]
    del config["service"]["pipelines"]["logs"]
    config["exporters"] = {"debug": {"verbosity": "detailed"}}
    config["service"]["pipelines"]["traces"]["exporters"] = ["debug"]
    labels = {"app.kubernetes.io/name": NAME}
    container = {
        "image": "otel/opentelemetry-collector-contrib:lab",
        "args": ["--config=/conf/config.yaml"],
        "readinessProbe": {"httpGet": {"path": "/", "port": 13133}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/conf"}],
    }
    runs = pod(NAME, NAMESPACE, container, labels=labels)
    runs["spec"]["volumes"] = [{"name": "config", "configMap": {"name": NAME}}]
    metadata = {"name": NAME, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {"config.yaml": json.dumps(config)},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"name": "http-otlp", "port": 4318}]},
        },
        runs,
    ]

"""The committed configuration of the collector, run by a real one: what it lets through.

Only where things come from and go to is changed: files of a folder, ports of loopback, the debug
exporter.
"""

import json
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
import yaml
from contract.tree import REPOSITORY
from lab.collector import printed
from weighbridge.contract import SpanAttribute
from weighbridge.local.ports import LOOPBACK, free_ports
from weighbridge_lab import tools
from weighbridge_lab.waiting import until

CONFIG = REPOSITORY / "observability" / "collector" / "config.yaml"
SECRET = "my-diagnosis-is-rare"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
DECISION = {
    "event": "decision",
    "tier": "large",
    "trace_id": TRACE,
    "span_id": SPAN,
    "hash": SECRET,
}
ACCESS = {"path": "/v1/chat/completions", "trace_id": "", "client": SECRET, "user_agent": SECRET}


@contextmanager
def running(folder, grpc, http, health):
    """Run a collector; its output goes to `said`."""
    overrides = {
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"{LOOPBACK}:{grpc}"},
                    "http": {"endpoint": f"{LOOPBACK}:{http}"},
                }
            },
            "filelog": {
                "include": [f"{folder}/pods/weighbridge_*/*/*.log"],
                "start_at": "beginning",
                "poll_interval": "50ms",
            },
        },
        "exporters": {"debug": {"verbosity": "detailed"}},
        "extensions": {"health_check": {"endpoint": f"{LOOPBACK}:{health}"}},
        "service": {
            "pipelines": {kind: {"exporters": ["debug"]} for kind in ("traces", "logs")},
            "telemetry": {"metrics": {"level": "none"}},
        },
    }
    over = folder / "over.yaml"
    over.write_text(yaml.safe_dump(overrides), encoding="utf-8")
    said = folder / "said"
    with said.open("wb") as out:
        words = (tools.path("otelcol"), "--config", CONFIG, "--config", over)
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield said
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collector")
    grpc, http, health = free_ports(3)
    url = f"http://{LOOPBACK}:{health}"
    with (
        running(folder, grpc, http, health) as said,
        httpx.Client(base_url=f"http://{LOOPBACK}:{http}", trust_env=False) as client,
    ):
        until("it is healthy", lambda: _answers(url) or _fail_if_over(said))
        yield SimpleNamespace(
            client=client, folder=folder, text=lambda: said.read_text(encoding="utf-8")
        )


def test_of_a_span_only_what_is_listed_is_stored(collector):
    ours = {each.value: "large" for each in SpanAttribute}
    theirs = ("http.url", "user_agent", "peer.address", "gen_ai.prompt", "baggage", "x")
    span = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "decide",
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": _attributes({**ours, **dict.fromkeys(theirs, SECRET)}),
    }
    resource = {
        "attributes": _attributes({"service.name": "weighbridge-router", "host.id": SECRET})
    }
    export = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}

    assert collector.client.post("/v1/traces", json=export).status_code == httpx.codes.OK

    until("the span comes through", lambda: "decide" in collector.text())
    (seen,) = [block for block in printed(collector.text()) if block["Name"] == "decide"]
    assert {key for key in seen.attributes if not key.startswith("redaction.")} == set(ours)
    assert seen.of["service.name"] == "weighbridge-router"
    assert SECRET not in collector.text()


def test_a_log_line_keeps_its_trace_and_loses_who_asked(collector):
    pod = collector.folder / "pods" / "weighbridge_router-1_0" / "router"
    pod.mkdir(parents=True)
    stamped = "2026-11-21T12:00:00.000000000Z stdout F "
    lines = (json.dumps(DECISION), json.dumps(ACCESS), "no JSON at all")
    (pod / "0.log").write_text("".join(f"{stamped}{line}\n" for line in lines), encoding="utf-8")

    def came():
        blocks = [block for block in printed(collector.text()) if block["ObservedTimestamp"]]
        return blocks if len(blocks) == len(lines) else None

    decision, access, text = until("three lines come through", came)
    assert (decision["Trace ID"], decision["Span ID"]) == (TRACE, SPAN)
    assert '"tier":"large"' in decision["Body"].replace(": ", ":")
    assert access["Trace ID"] == ""
    assert "/v1/chat/completions" in access["Body"]
    assert "no JSON at all" in text["Body"]
    assert SECRET not in collector.text()


def _attributes(values):
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def _answers(url):
    try:
        return httpx.get(url, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _fail_if_over(said):
    """The collector's own words, where it has refused its configuration."""
    text = said.read_text(encoding="utf-8")
    if "Error: " in text:
        pytest.fail(text)

"""What rules read is exposed, by the names and labels that they spell.

It is asked of a router, a simulator, a meter and an Envoy that this module starts, of the recording
of a real vLLM, and of a list with sources for programmes that can't be started here.
"""

import json
import re
from pathlib import Path

import pytest
import yaml
from contract.promql import ALL, RECORDED, REPOSITORY, names, series
from envoy_rig.requests import EASY, HARD, chat, client_of
from envoy_rig.rig import Rig, wait_until
from prometheus_client.parser import text_string_to_metric_families
from weighbridge.drift import LEAST
from weighbridge_mesh.options import MeteringOptions

HERE = Path(__file__).parent
CHART = REPOSITORY / "observability" / "chart"
VLLM = json.loads((HERE / "vllm_metrics.json").read_text())["metrics"]
EXTERNAL = yaml.safe_load((HERE / "external_metrics.yaml").read_text())
GUIDE = (REPOSITORY / "docs" / "sre-guide.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """What our programmes and an Envoy expose once all that rules read has happened."""
    rig = Rig(tmp_path_factory.mktemp("scraped"))
    try:
        yield _scrape(rig)
    finally:
        rig.close()


def _scrape(rig):
    pool = rig.simulator("--speed", "0", "--any-model")
    # No collector is there: spans are lost.
    router = rig.router(WEIGHBRIDGE_TRACING__ENABLED="true", WEIGHBRIDGE_TRACING__SAMPLE="1")
    # A tier without a price.
    meter = rig.meter("--model", "large=llama-3.3-70b-instruct")
    envoy = rig.envoy(
        {tier: [pool.endpoint] for tier in ("small", "large")},
        [router.endpoint],
        metering=MeteringOptions(meter=meter.endpoint, flush_s=0.05),
    )
    with client_of(envoy) as client:
        body = {**chat(HARD), "stream": True, "max_tokens": 4}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
        client.post("/v1/chat/completions", json={**chat(HARD), "max_tokens": 4})
        client.post("/v1/chat/completions", content=b"no JSON")
        for _ in range(LEAST):  # fewer show no drift
            client.post("/v1/chat/completions", json={**chat(EASY), "max_tokens": 1})
        wait_until(lambda: 'result="unsent"' in router.metrics(), "a span is lost")
        wait_until(lambda: "unpriced_tokens_total{" in meter.metrics(), "receipts arrive")
        texts = {
            "router": router.metrics(),
            "simulator": pool.metrics(),
            "meter": meter.metrics(),
        }
        router.kill()
        pool.kill()
        assert client.post("/v1/chat/completions", json=chat()).status_code == 503
        return {**texts, "envoy": envoy.metrics()}


@pytest.fixture(scope="module")
def exposed(scraped):
    recorded = set(VLLM) | {f"{name}_{part}" for name in VLLM for part in ("bucket", "count")}
    external = {name for source in EXTERNAL for name in source["metrics"]}
    return recorded | external | set().union(*map(series, scraped.values()))


@pytest.mark.parametrize(
    "rule", [pytest.param(rule, id=rule.get("alert") or rule["record"]) for _, rule in ALL]
)
def test_a_rule_reads_what_is_exposed_or_recorded(rule, exposed):
    # Targets and constants (an objective) are read by no name.
    assert names(rule["expr"]) or rule["expr"].startswith("vector(")
    assert names(rule["expr"]) <= exposed | RECORDED


def test_a_name_that_nobody_exposes_would_be_found(exposed):
    assert "vllm:num_request_waiting" not in exposed | RECORDED
    assert "envoy_http_ext_proc_weighbridge_streams_faild" not in exposed | RECORDED
    assert "weighbridge_ready" in exposed


def test_what_is_listed_with_its_source_is_read_and_is_no_others(scraped):
    read = set().union(*(names(rule["expr"]) for _, rule in ALL))
    listed = [name for source in EXTERNAL for name in source["metrics"]]

    assert set(listed) <= read
    assert len(listed) == len(set(listed))
    assert not set(listed) & set().union(*map(series, scraped.values()))


@pytest.mark.parametrize(
    ("program", "line"),
    [
        # Edges that promises are counted at, spelled as expressions spell them (ADR 24).
        ("simulator", r'^vllm:time_to_first_token_seconds_bucket\{.*le="0\.25".*\} '),
        ("simulator", r'^vllm:e2e_request_latency_seconds_bucket\{.*le="0\.8".*\} '),
        ("router", r'^weighbridge_decision_seconds_bucket\{le="0\.005"\} '),
        # Labels of the stand-alone Envoy.
        ("envoy", r'^envoy_cluster_upstream_rq_xx\{.*envoy_response_code_class="5".*\} [1-9]'),
        ("envoy", r'^envoy_cluster_upstream_rq_xx\{.*envoy_cluster_name="tier-small".*\} '),
        ("envoy", r"^envoy_http_ext_proc_weighbridge_failure_mode_allowed\{.*\} [1-9]"),
        ("router", r'^weighbridge_reloads_total\{result="refused"\} '),
        ("router", r'^weighbridge_stage_seconds_count\{stage="refine"\} '),
        ("router", r"^weighbridge_score_drift_psi "),
        ("router", r'^weighbridge_spans_total\{result="unsent"\} '),
        ("meter", r'^weighbridge_unmetered_requests_total\{reason="refused",tier="large"\} [1-9]'),
        ("meter", r'^weighbridge_cost_dollars_total\{basis="reported",team="none",tier="large"\} '),
        ("meter", r'^weighbridge_tokens_total\{kind="prompt",team="none",tier="small"\} [1-9]'),
    ],
)
def test_a_scrape_spells_labels_as_the_rules_do(scraped, program, line):
    assert re.search(line, scraped[program], re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "histogram", "program"),
    [
        (("slo", "ttft", "limitSeconds"), "vllm:time_to_first_token_seconds", "simulator"),
        (("slo", "overhead", "limitSeconds"), "weighbridge_decision_seconds", "router"),
        (("limits", "endToEnd", "seconds"), "vllm:e2e_request_latency_seconds", "simulator"),
    ],
)
def test_limits_that_the_chart_takes_are_edges(path, histogram, program, scraped):
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    for key in path:
        schema = schema["properties"][key]
    edges = re.findall(rf'^{histogram}_bucket\{{.*le="([^"]+)"', scraped[program], re.MULTILINE)

    assert schema["enum"] == list(dict.fromkeys(edge for edge in edges if edge != "+Inf"))


# Of the bootstrap of Istio's proxies (tools/packaging/common/envoy_bootstrap.json), those that
# rules go by. Istio's names of clusters and listeners end in `;`.
_ISTIO_TAGS = {
    "cluster_name": r"^cluster(\.(.+);)",
    "http_conn_manager_prefix": (
        r"^http\.(((?:[_.[:digit:]\w]*|[_\[\]aAbBcCdDeEfF[:digit:]\w\:]*));\.)"
    ),
    "response_code": r"_rq(_(\d{3}))$",
    "response_code_class": r"_rq(_(\dxx))$",
}
_LARGE = "outbound|8000||large.llm.svc.cluster.local"
_RECEIPTS = "envoy_access_logs_open_telemetry_access_log_weighbridge_meter_"
_LISTENER = {"http_conn_manager_prefix": "outbound_0.0.0.0_8080"}


def _as_istio_does(bootstrap):
    """Name and keep statistics as Istio's gateway does, told what the guide says."""
    gateway = yaml.safe_load((REPOSITORY / "mesh" / "clouds" / "gateway.yaml").read_text())
    proxy = yaml.safe_load(gateway["podAnnotations"]["proxy.istio.io/config"])
    kept = proxy["proxyStatsMatcher"]["inclusionRegexps"]
    assert all(f"`{each}`" in GUIDE for each in kept if not each.startswith("cluster"))
    bootstrap["stats_config"] = {
        "use_all_default_tags": False,
        "stats_tags": [{"tag_name": k, "regex": v} for k, v in _ISTIO_TAGS.items()],
        "stats_matcher": {
            "inclusion_list": {"patterns": [{"safe_regex": {"regex": one}} for one in kept]}
        },
    }
    resources = bootstrap["static_resources"]
    for cluster in resources["clusters"]:
        pool = cluster["name"].removeprefix("tier-")
        cluster["alt_stat_name"] = f"outbound|8000||{pool}.llm.svc.cluster.local;"
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["stat_prefix"] = "outbound_0.0.0.0_8080;"


@pytest.fixture(scope="module")
def kept_by_istio(tmp_path_factory):
    """What an Envoy exposes that is told as Istio's gateway is."""
    rig = Rig(tmp_path_factory.mktemp("istio"))
    try:
        pool, double = rig.pool("small"), rig.double("hang")
        endpoints = {tier: [pool.endpoint] for tier in ("small", "large")}
        metering = MeteringOptions(meter=rig.meter().endpoint, flush_s=0.05)
        envoy = rig.envoy(endpoints, [double.endpoint], change=_as_istio_does, metering=metering)
        with client_of(envoy) as client:
            for status in (200, 500):
                client.post(f"/v1/chat/completions?status={status}", json=chat())
        wait_until(lambda: f"{_RECEIPTS}logs_written{{}} 2" in envoy.metrics(), "receipts are out")
        yield envoy.metrics()
    finally:
        rig.close()


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("envoy_cluster_upstream_rq", {"response_code_class": "2xx", "cluster_name": _LARGE}, 1),
        ("envoy_cluster_upstream_rq", {"response_code_class": "5xx", "cluster_name": _LARGE}, 1),
        ("envoy_http_ext_proc_weighbridge_failure_mode_allowed", _LISTENER, 2),
        ("envoy_http_ext_proc_weighbridge_message_timeouts", _LISTENER, 2),
        ("envoy_http_ext_proc_weighbridge_streams_failed", _LISTENER, 0),
        ("envoy_http_ext_proc_weighbridge_streams_started", _LISTENER, 2),
        (f"{_RECEIPTS}logs_written", {}, 2),
        (f"{_RECEIPTS}logs_dropped", {}, 0),
    ],
)
def test_istios_gateway_keeps_what_rules_read_if_told_so(kept_by_istio, name, labels, value):
    samples = [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(kept_by_istio)
        for sample in family.samples
        # The parser gives counters the suffix that Envoy leaves out.
        if sample.name.removesuffix("_total") == name
    ]

    assert (labels, value) in samples


def test_istios_gateway_keeps_little_else(kept_by_istio):
    assert "envoy_cluster_membership_total" not in kept_by_istio

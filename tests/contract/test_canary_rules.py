"""What gates read is recorded, what rules read is exposed, and the chart holds the same of both."""

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml
from weighbridge_simulator.metrics import ITL_BUCKETS, TTFT_BUCKETS

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "observability" / "rules"
CHART = REPOSITORY / "rollouts" / "chart"
VLLM = json.loads(Path(__file__).with_name("vllm_metrics.json").read_text())["metrics"]
# Of the gateway's Envoy, which the lab scrapes, and of kube-state-metrics, which may be absent.
OTHERS = {"envoy_cluster_upstream_rq", "kube_pod_container_resource_requests"}
_NAME = re.compile(
    r"(?<![\w:\"$])([a-z_]+(?::[a-z0-9_]+)+|(?:vllm:|envoy_|kube_)[a-z_]+)(?=[\[{\s),]|$)"
)
_RECORD = re.compile(
    r"^[a-z]+_[a-z]+:[a-z0-9_]+:(count|rate|ratio|max|avg|sum|total|p\d\d(_least)?)$"
)


def rules():
    return [
        rule
        for path in sorted(RULES.glob("canary.rules.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]


def gates():
    return yaml.safe_load((CHART / "files" / "gates.yaml").read_text(encoding="utf-8"))


RECORDED = {rule["record"] for rule in rules()}
QUERIES = [
    pytest.param(metric["query"], id=metric["name"])
    for gate in gates().values()
    for metric in gate["metrics"]
]


def names(expression):
    return set(_NAME.findall(expression))


@pytest.mark.parametrize("query", QUERIES)
def test_a_gate_reads_what_rules_record_and_nothing_else(query):
    assert names(query)
    assert names(query) <= RECORDED


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["record"])
def test_a_rule_reads_what_is_exposed_or_recorded(rule):
    exposed = set(VLLM) | {f"{name}_{part}" for name in VLLM for part in ("bucket", "count", "sum")}

    assert names(rule["expr"])
    assert names(rule["expr"]) <= exposed | RECORDED | OTHERS


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["record"])
def test_a_rule_is_named_by_level_metric_and_operation_and_has_its_window(rule):
    assert _RECORD.match(rule["record"])
    assert set(re.findall(r"\[([^\]|.]+)\]", re.sub(r"\"[^\"]*\"", "", rule["expr"]))) <= {"2m"}


@pytest.mark.parametrize("record", sorted(RECORDED))
def test_a_rule_is_proven_beside_it(record):
    proven = yaml.safe_load((RULES / "canary.rules.test.yaml").read_text(encoding="utf-8"))
    asked = {
        name
        for test in proven["tests"]
        for e in test["promql_expr_test"]
        for name in names(e["expr"])
    }

    assert record in asked


def test_the_chart_holds_the_rules_and_buckets_that_were_generated():
    made = runpy.run_path(str(CHART / "generated_files.py"))["generated_files"]()

    for name, text in made.items():
        assert (CHART / "files" / name).read_text(encoding="utf-8") == text, "run: make generated"


@pytest.mark.parametrize(
    ("histogram", "edges"),
    [
        ("vllm:time_to_first_token_seconds", TTFT_BUCKETS),
        ("vllm:inter_token_latency_seconds", ITL_BUCKETS),
    ],
)
def test_the_edges_are_those_of_a_real_vllm(histogram, edges):
    assert [float(edge) for edge in VLLM[histogram]["buckets"]][: len(edges)] == list(edges)


@pytest.mark.parametrize(
    ("gate", "field"), [("ttft", "p95Seconds"), ("ttftTail", "p99Seconds"), ("itl", "p95Seconds")]
)
def test_a_default_limit_lies_on_an_edge(gate, field):
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["gates"]
    edges = {"ttft": TTFT_BUCKETS, "itl": ITL_BUCKETS}[gates()[gate]["edges"][field]]

    assert values[gate][field] in edges


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sum(rate(vllm:tokens_total[2m]))", {"vllm:tokens_total"}),
        ('a_b:c:rate{x="y:z"} > 1', {"a_b:c:rate"}),
        ("clamp_min(a_b:c:p95{$canary}, 1)", {"a_b:c:p95"}),
    ],
)
def test_names_are_found(expression, expected):
    assert names(expression) == expected

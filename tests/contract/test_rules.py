"""Rules are named by the book and proven beside them; alerts say what they mean, and what to do."""

import re
import runpy

import pytest
import yaml
from contract.promql import ALL, FILES, REPOSITORY, RULES, names, windows

CHART = REPOSITORY / "observability" / "chart"
RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
GUIDE = (REPOSITORY / "docs" / "sre-guide.md").read_text(encoding="utf-8")

RECORDS = [pytest.param(name, rule, id=rule["record"]) for name, rule in ALL if "record" in rule]
ALERTS = [pytest.param(name, rule, id=rule["alert"]) for name, rule in ALL if "alert" in rule]
ALERT_NAMES = sorted(rule["alert"] for _, rule in ALL if "alert" in rule)

_OPERATION = r"(count|rate|ratio|max|avg|sum|total|p\d\d(_least)?)"
_RECORD = re.compile(rf"^[a-z]+(_[a-z]+)?:[a-z0-9_]+:{_OPERATION}$")
_SLO_RECORD = re.compile(r"^slo:[a-z_]+:(ratio|rate|ratio_rate|count)(?P<window>\d+[mhd])?$")
# The window of each file; what else stands in brackets there, and why, is said in the file.
WINDOWS = {
    "canary": {"2m"},
    "gateway": {"5m", "1d"},
    "gpu": {"5m"},
    "meter": {"5m"},
    "pools": {"5m"},
    "router": {"5m", "15m"},
    "workloads": {"1h"},
}


@pytest.mark.parametrize(("name", "rule"), RECORDS)
def test_a_record_is_named_by_level_metric_and_operation(name, rule):
    assert (_SLO_RECORD if name == "slo" else _RECORD).match(rule["record"])


@pytest.mark.parametrize(("name", "rule"), [*RECORDS, *ALERTS])
def test_windows_are_the_files_or_in_the_name(name, rule):
    if name in WINDOWS:
        assert windows(rule["expr"]) <= WINDOWS[name]
    elif "record" in rule:
        said = _SLO_RECORD.match(rule["record"])["window"]
        assert {found.partition(":")[0] for found in windows(rule["expr"])} <= {said}
    else:
        assert not windows(rule["expr"])


def proofs(name):
    path = FILES[name].with_name(f"{name}.rules.test.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]


@pytest.mark.parametrize(("name", "rule"), RECORDS)
def test_a_record_is_proven_beside_it(name, rule):
    asked = [e["expr"] for test in proofs(name) for e in test.get("promql_expr_test", ())]

    assert rule["record"] in set().union(*map(names, asked))


@pytest.mark.parametrize("name", sorted(set(FILES) - {"canary"}))
def test_groups_are_evaluated_in_an_order_that_is_said(name):
    path = FILES[name].with_name(f"{name}.rules.test.yaml")
    proof = yaml.safe_load(path.read_text(encoding="utf-8"))
    groups = [
        group["name"]
        for file in proof["rule_files"]
        for group in yaml.safe_load((RULES / file).read_text(encoding="utf-8"))["groups"]
    ]

    assert sorted(proof["group_eval_order"]) == sorted(groups)


@pytest.mark.parametrize(("name", "rule"), ALERTS)
def test_an_alert_has_a_case_that_fires_and_one_that_is_silent(name, rule):
    cases = [
        bool(case["exp_alerts"])
        for test in proofs(name)
        for case in test.get("alert_rule_test", ())
        if case["alertname"] == rule["alert"]
    ]

    assert set(cases) == {True, False}


@pytest.mark.parametrize(("name", "rule"), ALERTS)
def test_an_alert_says_how_bad_it_is_whose_and_what_it_means(name, rule):
    assert name
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["labels"]["team"] in {"platform", "models"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}


@pytest.mark.parametrize("alert", ALERT_NAMES)
def test_an_alert_has_its_page_of_the_runbook(alert):
    urls = {rule["annotations"]["runbook_url"] for _, rule in ALL if rule.get("alert") == alert}
    section = re.search(rf"^## {alert}\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)

    assert urls == {f"docs/runbook.md#{alert.lower()}"}
    assert section
    for part in ("Means", "Look", "Do"):
        assert f"**{part}**" in section[1]


def test_a_page_of_the_runbook_has_its_alert():
    assert sorted(re.findall(r"^## (Weighbridge\w+)$", RUNBOOK, re.MULTILINE)) == ALERT_NAMES


def test_the_guide_has_a_line_for_each_alert():
    lines = re.findall(r"^\| \[`(Weighbridge\w+)`\]\(runbook\.md#(\w+)\) \|", GUIDE, re.MULTILINE)

    assert sorted(alert for alert, _ in lines) == ALERT_NAMES
    assert all(anchor == alert.lower() for alert, anchor in lines)


def test_alertmanager_names_alerts_that_there_are():
    path = REPOSITORY / "observability" / "alertmanager" / "alertmanager.yaml"
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    matchers = [
        re.fullmatch(r'alertname!?=~?"(.*)"', matcher)
        for rule in loaded["inhibit_rules"]
        for matcher in [*rule["source_matchers"], *rule["target_matchers"]]
    ]
    patterns = {one for found in matchers if found for one in found[1].split("|")}

    assert patterns
    for pattern in patterns:
        assert [alert for alert in ALERT_NAMES if re.fullmatch(pattern, alert)], pattern


def test_the_chart_holds_the_rules_that_were_generated():
    made = runpy.run_path(str(CHART / "generated_files.py"))["generated_files"]()

    assert {path.name for path in (CHART / "files").glob("*.rules.yaml")} == set(made)
    for name, text in made.items():
        assert (CHART / "files" / name).read_text(encoding="utf-8") == text, "run: make generated"


def test_a_value_whose_place_is_gone_is_named(monkeypatch, tmp_path):
    chart = runpy.run_path(str(CHART / "generated_files.py"))
    text = FILES["pools"].read_text(encoding="utf-8")
    (tmp_path / "pools.rules.yaml").write_text(text.replace("max > 10", "max > 11"))
    monkeypatch.setitem(chart["marked"].__globals__, "RULES", tmp_path)

    with pytest.raises(ValueError, match=r"limits\.queueLength"):
        chart["marked"]("pools")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("sum by (le) (rate(vllm:tokens_total[2m]))", {"vllm:tokens_total"}),
        ('a_b:c:rate{x="y:z"} > bool 1', {"a_b:c:rate"}),
        ("a / on (slo) group_left () (1 - b:c:ratio)", {"a", "b:c:ratio"}),
        ("histogram_quantile(0.95, sum without (pod) (x:y:rate))", {"x:y:rate"}),
        ("absent(a) or b and on () c unless d", {"a", "b", "c", "d"}),
        ("rate(a[5m]) / 1e9 > 5 or sum_over_time(b[1h:5m])", {"a", "b"}),
    ],
)
def test_names_are_found(expression, expected):
    assert names(expression) == expected

"""The chart installs the rules as they were tested, and its values reach where they should."""

import subprocess

import pytest
import yaml
from charts.rendering import OBSERVABILITY_CHART, REPOSITORY, scenarios
from charts.rollouts.verdicts import promtool

RULES = REPOSITORY / "observability" / "rules"


def rules(rendering):
    """Rules by the name that they record or alert under; the last of each name."""
    return {
        rule.get("alert") or rule["record"]: rule
        for document in rendering.all("PrometheusRule")
        for group in document["spec"]["groups"]
        for rule in group["rules"]
    }


@pytest.mark.parametrize("name", ["router", "gateway", "pools", "slo", "gpu", "workloads"])
def test_by_default_rules_are_what_was_tested_to_the_letter(rendered, name):
    installed = rendered("default").one("PrometheusRule", f"weighbridge-{name}")
    tested = yaml.safe_load((RULES / f"{name}.rules.yaml").read_text(encoding="utf-8"))

    assert installed["spec"] == tested


def test_rules_of_canaries_are_the_rollouts_charts_unless_asked_for(rendered):
    assert "pool_revision:ttft_seconds:p95" not in rules(rendered("default"))
    assert "pool_revision:ttft_seconds:p95" in rules(rendered("own"))


@pytest.mark.parametrize("scenario", scenarios(OBSERVABILITY_CHART))
def test_prometheus_reads_what_is_installed(rendered, scenario, tmp_path):
    for document in rendered(scenario).all("PrometheusRule"):
        path = tmp_path / f"{document['metadata']['name']}.yaml"
        path.write_text(yaml.safe_dump(document["spec"]), encoding="utf-8")
        done = subprocess.run(
            [promtool(), "check", "rules", path], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("WeighbridgeTierShareOutOfBudget", 'ratio{tier="premium"} > 0.35'),
        ("WeighbridgeQueueSaturated", "> 25"),
        ("WeighbridgeRestarts", ">= 2"),
        ("pool:e2e_slow:ratio", 'le="5.0"'),
        ("container:restarts:count", 'namespace=~"router|models|edge"'),
        ("rollout_phase:rollouts:count", 'namespace=~"router|models|edge"'),
        ("WeighbridgeNotMeasured", 'tier:decisions:rate{tier="medium"}'),
    ],
)
def test_a_value_reaches_its_expression(rendered, name, part):
    assert part in rules(rendered("own"))[name]["expr"]


def test_a_promise_is_made_of_its_values(rendered):
    groups = rendered("own").one("PrometheusRule", "weighbridge-slo")["spec"]["groups"]
    said = {rule["labels"]["slo"]: rule["expr"] for rule in groups[0]["rules"]}
    bad = [rule["expr"] for rule in groups[1]["rules"] if rule["record"] == "slo:bad_events:rate5m"]

    assert said == {
        "availability": "vector(0.9995)",
        "ttft": "vector(0.9)",
        "overhead": "vector(0.99)",
    }
    assert 'tier="medium",le="0.5"' in bad[1]
    assert 'le="0.01"' in bad[2]


def test_an_alert_has_the_operators_labels_and_the_address_of_its_runbook(rendered):
    alert = rules(rendered("own"))["WeighbridgeFailOpen"]

    assert alert["labels"] == {"severity": "warning", "team": "platform", "cluster": "west"}
    assert alert["annotations"]["runbook_url"] == (
        "https://git.example.com/weighbridge/blob/main/docs/runbook.md#weighbridgefailopen"
    )


def test_an_alert_that_nobody_wants_is_not_there_and_all_else_is(rendered, with_values):
    before = rules(rendered("default"))
    after = rules(with_values({"alerts": {"disabled": ["WeighbridgeScoreDrift"]}}))

    assert set(before) - set(after) == {"WeighbridgeScoreDrift"}


def test_a_group_whose_alerts_are_all_unwanted_is_not_there(with_values):
    installed = with_values({"alerts": {"disabled": ["WeighbridgeFailOpen"]}})
    groups = installed.one("PrometheusRule", "weighbridge-gateway")["spec"]["groups"]

    assert [group["name"] for group in groups] == ["weighbridge-gateway"]


def test_dashboards_are_there_for_the_sidecar_and_for_import(rendered):
    maps = {d["metadata"]["name"]: d for d in rendered("default").all("ConfigMap")}
    committed = sorted((REPOSITORY / "observability" / "dashboards").glob("*.json"))

    assert sorted(maps) == [f"weighbridge-dashboard-{path.stem}" for path in committed]
    for path in committed:
        found = maps[f"weighbridge-dashboard-{path.stem}"]
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"] == {"grafana_folder": "Weighbridge"}
        assert found["data"] == {f"weighbridge-{path.name}": path.read_text(encoding="utf-8")}


def test_label_and_folder_of_dashboards_are_values(with_values):
    label, folder = {"name": "team/boards", "value": "yes"}, {"annotation": "dir", "name": "LLM"}
    installed = with_values({"dashboards": {"label": label, "folder": folder}}).all("ConfigMap")

    for document in installed:
        assert document["metadata"]["labels"]["team/boards"] == "yes"
        assert "grafana_dashboard" not in document["metadata"]["labels"]
        assert document["metadata"]["annotations"] == {"dir": "LLM"}


def test_dashboards_need_no_folder(with_values):
    installed = with_values({"dashboards": {"folder": {"name": ""}}}).all("ConfigMap")

    assert installed
    assert all("annotations" not in document["metadata"] for document in installed)


def test_dashboards_that_nobody_wants_are_not_there(rendered):
    assert rendered("own").all("ConfigMap") == []

"""The adapter's rules serve what the pools' autoscaler asks for, made of what vLLM exposes."""

import json
import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
VLLM = json.loads(Path(__file__).with_name("vllm_metrics.json").read_text())["metrics"]


def load(*parts):
    return yaml.safe_load(REPOSITORY.joinpath(*parts).read_text(encoding="utf-8"))


RULES = load("observability", "adapter", "config.yaml")["rules"]


def series(rule):
    """The metric that a rule finds."""
    return rule["seriesQuery"].partition("{")[0]


def served(rule):
    """The name that it gives it."""
    name = rule["name"]
    return re.sub(name["matches"], name["as"].replace("$", "\\"), series(rule))


def test_names_are_those_that_the_chart_asks_for():
    asked = load("models", "chart", "values.yaml")["autoscaling"]["hpa"]
    assert sorted(map(served, RULES)) == sorted(asked.values())


@pytest.mark.parametrize("rule", RULES, ids=series)
def test_rule_reads_a_gauge_of_vllm_s_by_namespace_and_pod(rule):
    assert VLLM[series(rule)]["type"] == "gauge"
    assert set(rule["resources"]["overrides"]) == {"namespace", "pod"}
    assert all(f'{label}!=""' in rule["seriesQuery"] for label in ("namespace", "pod"))


@pytest.mark.parametrize("rule", RULES, ids=series)
def test_engines_of_a_pod_are_one_number(rule):
    # What it multiplies by: each engine of a pod has series of its own.
    assert "engine" in VLLM[series(rule)]["labels"]
    assert re.match(r"(sum|max|avg)\(", rule["metricsQuery"])
    assert rule["metricsQuery"].endswith("by (<<.GroupBy>>)")

"""Prometheus' configuration is what its operator would make of the same objects."""

import json

import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.monitoring import configuration, listed, rule_files, shortened

RULE = {
    "metadata": {"name": "canary", "namespace": "llm"},
    "spec": {"groups": [{"name": "g", "rules": [{"record": "a:b:rate", "expr": "rate(c[2m])"}]}]},
}


def monitor(**spec):
    endpoint = {
        "port": "http",
        "relabelings": [{"sourceLabels": ["a"], "targetLabel": "b"}],
        "metricRelabelings": [{"action": "drop", "sourceLabels": ["c"]}],
    }
    return {
        "metadata": {"name": "pool", "namespace": "llm"},
        "spec": {"selector": {}, "podMetricsEndpoints": [endpoint], **spec},
    }


def scraping(**spec):
    (scrape,) = configuration([monitor(**spec)], "1s")["scrape_configs"]
    return scrape


def kept(scrape):
    """What a scrape keeps, as source labels and regex."""
    rules = scrape["relabel_configs"]
    return [(r["source_labels"], r["regex"]) for r in rules if r.get("action") == "keep"]


def test_relabelings_come_last_and_in_prometheus_spelling():
    scrape = scraping()
    assert scrape["relabel_configs"][-1] == {"source_labels": ["a"], "target_label": "b"}
    assert scrape["metric_relabel_configs"] == [{"action": "drop", "source_labels": ["c"]}]


@pytest.mark.parametrize(
    ("selector", "rule"),
    [
        (
            {"matchLabels": {"app.kubernetes.io/name": "x"}},
            (
                [
                    "__meta_kubernetes_pod_label_app_kubernetes_io_name",
                    "__meta_kubernetes_pod_labelpresent_app_kubernetes_io_name",
                ],
                "(x;true)",
            ),
        ),
        (
            {"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
            (["__meta_kubernetes_pod_labelpresent_tier"], "(true)"),
        ),
        (
            {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]},
            (["__meta_kubernetes_pod_label_tier"], "(a|b)"),
        ),
    ],
    ids=["label", "exists", "in"],
)
def test_a_selector_keeps_what_it_selects(selector, rule):
    assert rule in kept(scraping(selector=selector))


@pytest.mark.parametrize(
    ("choice", "namespaces"),
    [({}, ["(llm)"]), ({"matchNames": ["a", "b"]}, ["(a|b)"]), ({"any": True}, [])],
    ids=["its own", "named", "any"],
)
def test_pods_are_of_the_namespaces_that_are_chosen(choice, namespaces):
    found = kept(scraping(namespaceSelector=choice))
    assert [r for labels, r in found if labels == ["__meta_kubernetes_namespace"]] == namespaces


@pytest.mark.parametrize(
    ("selector", "told"),
    [
        ({"matchFields": []}, "expected a selector by labels"),
        ({"matchExpressions": [{"key": "a", "operator": "Near"}]}, "came 'Near'"),
    ],
)
def test_a_selector_that_is_not_understood_is_an_error(selector, told):
    with pytest.raises(LabError, match=told):
        scraping(selector=selector)


def test_rules_come_with_a_window_of_the_lab():
    files = rule_files([RULE], "8s")
    assert list(files) == ["llm-canary.rules.yaml"]
    (group,) = json.loads(files["llm-canary.rules.yaml"])["groups"]
    assert group["rules"] == [{"record": "a:b:rate", "expr": "rate(c[8s])"}]


def test_rules_that_have_another_window_than_production_are_an_error():
    with pytest.raises(LabError, match=r"expected rules over \[2m\], found none"):
        shortened("rate(c[5m])", "8s")


def test_no_rules_are_an_error():
    with pytest.raises(LabError, match="expected PrometheusRules"):
        rule_files([], "8s")


def test_what_kubectl_lists_is_read():
    assert listed('{"items": [{"metadata": {}}]}') == [{"metadata": {}}]

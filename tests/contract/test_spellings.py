"""Every file that spells a name of the contract spells one that the contract knows."""

from pathlib import Path

import pytest
from contract.spellings import faults
from contract.tree import EXPECTED_FAILURES, files, relative

SPELLING = (".yaml", ".yml", ".json", ".js", ".mjs", ".ts", ".tpl", ".txt", ".lua", ".md", ".rules")
PLANTED = Path(__file__).with_name(EXPECTED_FAILURES)

EXPECTED = {
    "header.yaml": ["header x-weighbridge-teir"],
    "header-prefix.yaml": ["header x-weighbrige-tier"],
    "reason-exact.yaml": ["reason scored", "reason overlong"],
    "reason-value.yaml": ["reason failopen"],
    "reason.js": ["reason sticki", "header x-weighbridge-scores"],
    "rules.yaml": [
        "series weighbridge_decisions",
        "metric weighbridge_decision_second in tier:weighbridge_decision_second:p99",
        "label reason=score|fallback",
        "label outcome=fail",
    ],
    "dashboard.json": ["series weighbridge_decisionz_total", "label kind=unparseable"],
}


@pytest.mark.parametrize("path", list(files(*SPELLING)), ids=relative)
def test_names_of_the_contract_are_spelled_as_it_spells_them(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", EXPECTED)
def test_a_misspelling_is_found(name):
    found = faults((PLANTED / name).read_text(encoding="utf-8"))

    assert sorted(set(found)) == sorted(EXPECTED[name])


def test_every_planted_misspelling_is_expected():
    assert {path.name for path in PLANTED.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize(
    "text",
    [
        "headers:\n  x-weighbridge-tier:\n    exact: large\n",
        "remove: [X-Weighbridge-Reason, x-weighbridge-*]",
        "- name: x-weighbridge-reason\n  string_match:\n    exact: fail-open\n",
        "key: x-weighbridge-reason\nvalue: '%REQ(x-weighbridge-reason)%'\n",
        'expr: sum(rate(weighbridge_decisions_total{reason=~"score|sticky"}[5m]))',
        "expr: sum(rate(weighbridge_decision_seconds_bucket{stage!~'p.*'}[5m])) by (le)",
        "record: tier:weighbridge_decisions:rate5m",
        'expr: weighbridge_failures_total{namespace="{{ .Release.Namespace }}",kind="internal"}',
        'expr: weighbridge_reloads_total{result="$result"}',
        'expr: kube_pod_status_reason{reason="Evicted"}',
        "see `weighbridge_decision_seconds`",
        "sourceLabels: [__meta_kubernetes_pod_label_weighbridge_dev_tier]",
        "python -m weighbridge_mesh example > docs/x",
        "if (res.headers['x-weighbridge-reason'] === 'score') {}",
    ],
)
def test_names_that_are_known_are_no_fault(text):
    assert faults(text) == []

"""kube-score finds nothing in the pools' chart that is not meant to be so."""

from pathlib import Path

import pytest
from charts.rendering import MODELS_CHART, scenarios
from charts.scanning import exceptions, findings

ALLOWED = exceptions(Path(__file__).with_name("scan_exceptions.yaml"))
# Its values turn off policies and budgets, which the scan then misses.
SCANNED = sorted(set(scenarios(MODELS_CHART)) - {"own-model"})


@pytest.mark.parametrize("scenario", SCANNED)
def test_no_scenario_adds_a_finding(rendered, scenario):
    assert findings(rendered(scenario).text) <= set(ALLOWED)


def test_every_exception_is_needed_by_a_scenario_and_has_a_reason(rendered):
    found = {f for scenario in SCANNED for f in findings(rendered(scenario).text)}

    assert set(ALLOWED) == found
    assert [check for check, reason in ALLOWED.items() if len(reason.split()) < 10] == []

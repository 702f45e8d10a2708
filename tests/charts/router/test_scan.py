"""kube-score finds nothing in the router's chart that is not meant to be so."""

from pathlib import Path

import pytest
from charts.rendering import ROUTER_CHART, scenarios
from charts.scanning import exceptions, findings

ALLOWED = exceptions(Path(__file__).with_name("scan_exceptions.yaml"))
PLANTED = """
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: a}
spec:
  containers: [{name: a, image: "a:latest", securityContext: {privileged: true}}]
"""


def test_the_defaults_are_clean_but_for_what_is_argued(rendered):
    assert findings(rendered("default").text) == set(ALLOWED) - {"deployment-replicas"}


def test_the_meter_adds_that_it_is_one(rendered):
    assert findings(rendered("metered").text) == set(ALLOWED)


@pytest.mark.parametrize("scenario", sorted(set(scenarios(ROUTER_CHART)) - {"sidecar"}))
def test_no_scenario_adds_a_finding(rendered, scenario):
    assert findings(rendered(scenario).text) <= set(ALLOWED)


def test_every_exception_has_a_reason():
    assert [check for check, reason in ALLOWED.items() if len(reason.split()) < 10] == []


def test_the_scan_would_find_a_careless_pod():
    assert {"container-image-tag", "container-security-context-privileged"} <= findings(PLANTED)

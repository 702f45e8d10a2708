"""kube-score finds nothing in the smoke's Job that is not meant to be so."""

from pathlib import Path

import pytest
import yaml
from charts.scanning import exceptions, findings

ALLOWED = exceptions(Path(__file__).with_name("scan_exceptions.yaml"))


def _job(rendering):
    """The Job, as Argo makes it of the template."""
    smoke = rendering.one("AnalysisTemplate", "weighbridge-smoke")
    job = smoke["spec"]["metrics"][0]["provider"]["job"]
    metadata = {"name": "smoke", "namespace": "llm", **job["metadata"]}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job["spec"]}


@pytest.mark.parametrize("scenario", ["default", "cautious"])
def test_the_smoke_is_clean_but_for_what_is_argued(rendered, scenario):
    assert findings(yaml.safe_dump(_job(rendered(scenario)))) == set(ALLOWED)


def test_every_exception_has_a_reason():
    assert [check for check, reason in ALLOWED.items() if len(reason.split()) < 10] == []

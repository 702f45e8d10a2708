"""What `weighbridge canary status` is tested with has the shape of Argo Rollouts' own resources."""

import io

import pytest
import yaml
from charts.gitops.schemas import faults, validators
from charts.gitops.test_argo_cd import rendered
from rich.console import Console
from unit.canary import documents as d
from unit.canary import scenes
from weighbridge.canary.argo_rollout import Rollout
from weighbridge.canary.screen import screen
from weighbridge.canary.status import states
from weighbridge_lab.module_files import module_files
from weighbridge_lab.tools import project_toolbox

DOCUMENTS = {
    "rollout": d.rollout(),
    "paused": d.rollout(
        phase="Paused",
        controllerPause=True,
        pauseConditions=[{"reason": "CanaryPauseStep", "startTime": "2026-11-21T11:58:00Z"}],
    ),
    "aborted": d.rollout(**scenes.ABORTED),
    "background": d.analysis_run("r", d.measured("ttft-p95", "[0.2]", successful=3)),
    "step": d.analysis_run("r", kind="Step"),
    "experiment": d.experiment(),
}


@pytest.fixture(scope="session")
def kinds():
    return validators(module_files(project_toolbox()).rollouts_crds)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents_of_the_unit_tests_are_what_a_cluster_could_hold(document, kinds):
    assert faults(document, kinds) == []


@pytest.mark.parametrize("pool", ["gemma-small", "llama-large"])
def test_the_status_knows_every_step_of_the_rollouts_that_our_chart_makes(pool):
    document = rendered("rollouts").one("Rollout", pool)
    document = {**document, "status": d.rollout()["status"] | {"currentStepIndex": 5}}

    (state,) = states(scenes.snapshot(document), d.NOW)

    assert state.tier == pool.split("-")[1]
    assert len(state.position.steps) == len(document["spec"]["strategy"]["canary"]["steps"])
    assert "unknown step" not in state.position.steps


def test_a_canary_with_all_gates_of_our_chart_fits_on_one_screen():
    """Background and step analysis, eleven gates each, on a terminal of 120 by 60."""
    document = rendered("rollouts").one("Rollout", "gemma-small")
    document = {**document, "status": d.rollout()["status"] | {"currentStepIndex": 6}}
    document["metadata"]["uid"] = "uid-gemma-small"
    metrics = [
        metric
        for template in rendered("rollouts").all("AnalysisTemplate")
        if template["metadata"]["name"] != "weighbridge-smoke"
        for metric in template["spec"]["metrics"]
    ]
    runs = [d.analysis_run(kind, kind=kind) for kind in ("Background", "Step")]
    for run in runs:
        run["spec"]["metrics"] = metrics
    snapshot = scenes.snapshot(document, runs=runs, service=d.virtual_service())

    console = Console(width=120, record=True, file=io.StringIO())
    console.print(screen(states(snapshot, d.NOW)))

    text = console.export_text()
    assert len(text.splitlines()) <= 60
    assert all(metric["name"] in text for metric in metrics)


def test_the_rollouts_of_our_chart_can_be_read():
    for document in rendered("rollouts").all("Rollout"):
        text = yaml.safe_dump(document)
        assert Rollout.read(yaml.safe_load(text)).spec.strategy.canary is not None

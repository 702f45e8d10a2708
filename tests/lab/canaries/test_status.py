"""`weighbridge canary status` against a live controller, and the commands that it says to type."""

import shlex

import pytest
from lab.canaries.asserting import assert_measured
from lab.canaries.test_healthy_canaries import assert_promoted
from weighbridge_lab.canaries import POOLS
from weighbridge_lab.traffic import Traffic

SMALL, LARGE = POOLS["small"], POOLS["large"]
RATE = 60
LIMITS = {"ttft-p95": "<= 0.75", "itl-p95": "<= 0.1", "error-ratio": "<= 0.01"}
"""Of the gates, by tests/lab/values/rollouts.yaml and the chart's defaults."""
PERSON = {"pause": {}}
"""The step that waits for one."""


def obey(lab, advice):
    """Type a command that the status names."""
    lab.cluster.run(*shlex.split(advice["command"]))


def gates(pool, kind):
    """Gates of its analysis of a kind, by name."""
    (found,) = (each for each in pool["analyses"] if each["kind"] == kind)
    return {gate["name"]: gate for gate in found["gates"]}


def until_measured(chronicle, change):
    """Wait until the analysis in the background has measured all that is looked at here."""
    # The last of them is judged in the background alone.
    wanted = {*LIMITS, "ttft-p99"}
    chronicle.until(
        "gates are measured", lambda: wanted <= {m.metric for m in change.measurements()}
    )


def test_canary_that_waits_for_a_person_is_shown_with_its_numbers(
    lab, chronicle, act, rollouts, screen, state
):
    rollouts({"defaults": {"approvalBefore": 50}})
    with act("healthy, waits for a person before 50 %") as running:
        change = running.change
        change.until_weight(20)
        began = state()
        until_measured(chronicle, change)
        change.until_paused("CanaryPauseStep")
        chronicle.until("it waits for a person", lambda: steps(change)[index(change)] == PERSON)
        pool, shown = state(), screen(SMALL)
        obey(lab, pool["next"][0])
        change.until_promoted(150)
        promoted, summary = state(), screen()
    assert_promoted(running)
    for seen in (began, pool):
        assert seen["phase"] in {"Progressing", "Paused"}
        assert seen["managed_routes"] == ["canary-small"]
        assert [split["canary"] for split in seen["splits"]] == [seen["position"]["weight"]] == [20]
    assert pool["pause"]["reason"] == "CanaryPauseStep"
    assert pool["position"]["steps"][pool["position"]["index"]] == "pause until promoted"
    assert {r["role"]: r["hash"] for r in pool["revisions"]} == hashes(change)
    measured = gates(pool, "background")
    for name, limit in LIMITS.items():
        assert measured[name]["limit"] == limit
        assert measured[name]["successful"] > 0
        assert measured[name]["phase"] == "Running"
        assert_measured(change, measured[name])
        assert f"background  {name} " in shown
    assert f"{SMALL} in llm   tier small   Paused" in shown
    assert "weight    canary 20 % wanted, 20 % in VirtualService" in shown
    assert "\u25b6 pause until promoted" in shown
    assert (promoted["phase"], promoted["promoted"]) == ("Healthy", True)
    assert [split["canary"] for split in promoted["splits"]] == [0]
    assert {line.split()[0] for line in summary.splitlines()} >= {SMALL, LARGE}


def test_abort_by_hand_goes_back_and_a_retry_starts_over_as_the_status_says(lab, act, state):
    with act("healthy, aborted by hand at 50 %, then retried") as running:
        change = running.change
        change.until_weight(50)
        by_hand = state()
        obey(lab, by_hand["next"][-1])
        change.until_aborted()
        running.until_answered(2)
        assert change.envoy_weights().get("canary", 0) == 0
        pool = state()
        obey(lab, pool["next"][0])
        change.until_promoted(150)
    assert_promoted(running)
    assert pool["aborted"].startswith("by hand")
    assert [weight.percent for weight in change.weights()] == [0, 20, 50, 0, 20, 50, 100, 0]


def test_canary_paused_by_hand_goes_on_where_it_was(lab, chronicle, act, screen, state):
    with act("healthy, paused by hand at 20 %") as running:
        change = running.change
        change.until_weight(20)
        chronicle.until("its gates are judged", lambda: "analysis" in steps(change)[index(change)])
        lab.argo("pause", SMALL)
        change.until_phase("Paused")
        pool, shown = state(), screen(SMALL)
        # For longer than it would have taken to the next weight.
        running.until_answered(8)
        held = index(change), change.weight
        obey(lab, pool["next"][0])
        change.until_promoted(150)
    assert_promoted(running)
    assert held == (pool["position"]["index"], 20)
    assert "paused: by hand" in shown
    assert pool["next"][0]["effect"] == "goes on where it was"
    assert [weight.percent for weight in change.weights()] == [0, 20, 50, 100, 0]


@pytest.mark.parametrize(
    ("number", "effect"),
    [
        pytest.param(0, "measures again", id="measure-again"),
        pytest.param(2, "goes on without that verdict", id="promote"),
    ],
)
def test_canary_without_traffic_is_paused_and_goes_on_as_its_status_says(
    lab, act, state, number, effect
):
    with act(f"no traffic at first, then: {effect}", rate=0.01) as running:
        change = running.change
        change.until_paused("InconclusiveAnalysisRun")
        assert change.status["stableRS"] == change.stable
        pool = state()
        unclear = [g for a in pool["analyses"] for g in a["gates"] if g["phase"] == "Inconclusive"]
        assert "no data" in {gate["value"] for gate in unclear}
        assert all(gate["inconclusive"] > 0 for gate in unclear)
        advice = pool["next"][number]
        assert advice["effect"].startswith(effect)
        with Traffic(lab.gateway, rate=RATE) as traffic:
            traffic.until_answered(RATE)
            obey(lab, advice)
            change.until_promoted(150)
    assert not traffic.ledger.failed(), traffic.ledger.summary()
    assert [weight.percent for weight in change.weights()] == [0, 20, 50, 100, 0]


def steps(change):
    """Steps of its Rollout."""
    return change.rollout["spec"]["strategy"]["canary"]["steps"]


def index(change):
    """Number of the step that goes on."""
    return change.status["currentStepIndex"]


def hashes(change):
    """Hash of either version."""
    return {"stable": change.stable, "canary": change.revision}

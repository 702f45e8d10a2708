"""A canary that is sick is given up, the analysis says why, and stable's clients see nothing."""

import pytest
from lab.canaries.asserting import assert_back_on_stable, assert_measured, assert_named
from weighbridge_lab.canaries import POOLS
from weighbridge_lab.waiting import until

SMALL = POOLS["small"]
TTFT = ("ttft-p95", "ttft-p95-against-stable", "ttft-p99")
ITL = ("itl-p95", "itl-p95-against-stable")


@pytest.mark.parametrize(
    ("case", "flag", "metrics"),
    [
        pytest.param("slow: TTFT x4", "--ttft-factor=4", TTFT, id="slow"),
        pytest.param("stuttering: ITL x3", "--itl-factor=3", ITL, id="stuttering"),
    ],
)
def test_canary_of_bad_latency_is_aborted_by_its_metric_and_the_status_says_so(
    act, screen, state, case, flag, metrics
):
    with act(case, flag) as running:
        running.change.until_aborted()
        pool, shown = state(), screen(SMALL)
    assert_named(running, *metrics)
    assert_back_on_stable(running)
    assert running.figures.failed_new == 0
    assert_told(running.change, pool, shown)


def assert_told(change, pool, shown):
    """The status names the gates that were failed, and what they measured."""
    assert (pool["phase"], pool["position"]["weight"]) == ("Degraded", 0)
    assert [split["canary"] for split in pool["splits"]] == [0]
    assert pool["aborted"] in change.status["message"]
    blamed = [g for a in pool["analyses"] for g in a["gates"] if g["phase"] == "Failed"]
    assert {gate["name"] for gate in blamed} == change.blamed()
    for gate in blamed:
        assert float(gate["value"]) > float(gate["limit"].removeprefix("<= "))
        assert_measured(change, gate)
    assert f"aborted: {pool['aborted']}" in shown
    assert "weight    canary 0 % wanted, 0 % in VirtualService" in shown


def test_failing_canary_is_aborted_by_its_errors(act):
    with act("failing: 5 % are 500", "--error-rate=0.05", rate=120) as running:
        running.change.until_aborted()
    assert_named(running, "error-ratio")
    assert_back_on_stable(running)
    assert running.figures.failed_new > 1


def test_canary_that_never_comes_up_gets_no_request(act, rollouts, state):
    rollouts({"defaults": {"progressDeadlineSeconds": 20}})
    with act("crash loop from the start", "--crash-after-seconds=0.2") as running:
        # The Rollout does not say why; the status looks at pods.
        until("the status says why", lambda: "CrashLoopBackOff" in trouble(state(), "canary"))
        running.change.until_aborted()
    assert_back_on_stable(running)
    assert running.figures.touched == 0


def trouble(pool, role):
    """What ails a version's pods, as the status has it; empty: nothing, or it is not there yet."""
    return "".join(each["trouble"] for each in pool["revisions"] if each["role"] == role)


def test_canary_that_crashes_under_traffic_is_aborted_by_its_errors(act):
    with act("crashes after 15 s, again and again", "--crash-after-seconds=15") as running:
        running.change.until_aborted()
    assert_named(running, "error-ratio")
    assert_back_on_stable(running)


def test_canary_whose_usage_is_garbage_gets_no_weight(act, rollouts):
    rollouts({"defaults": {"smoke": {"enabled": True}}})
    with act("garbage in usage", "--garbage-usage=negative") as running:
        running.change.until_aborted()
    assert_named(running, "smoke")
    assert_back_on_stable(running)
    assert running.figures.touched == 0

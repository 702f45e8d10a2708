"""A canary that is sick is given up, the analysis says why, and stable's clients see nothing."""

import pytest
from lab.canaries.asserting import assert_back_on_stable, assert_named
from weighbridge_lab.canaries import POOLS

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
def test_canary_of_bad_latency_is_aborted_by_its_metric(act, case, flag, metrics):
    with act(case, flag) as running:
        running.change.until_aborted()
    assert_named(running, *metrics)
    assert_back_on_stable(running)
    assert running.figures.failed_new == 0


def test_failing_canary_is_aborted_by_its_errors(act):
    with act("failing: 5 % are 500", "--error-rate=0.05", rate=120) as running:
        running.change.until_aborted()
    assert_named(running, "error-ratio")
    assert_back_on_stable(running)
    assert running.figures.failed_new > 1


def test_canary_that_never_comes_up_gets_no_request(lab, act, rollouts):
    rollouts({"defaults": {"progressDeadlineSeconds": 20}})
    with act("crash loop from the start", "--crash-after-seconds=0.2") as running:
        running.change.until_aborted()
    assert_back_on_stable(running)
    # The Rollout's own message does not say why.
    told = lab.kubectl("get", "events", "--namespace=llm", "--output=jsonpath={.items[*].message}")
    assert f'"{SMALL}-{running.change.revision}" has timed out progressing' in told
    assert running.figures.touched == 0


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


def test_canary_without_traffic_is_paused_and_not_promoted(act):
    with act("no traffic", rate=0.01) as running:
        running.change.until_paused("InconclusiveAnalysisRun")
    assert running.change.status["stableRS"] == running.change.stable

"""What each gate says of what the recording rules have recorded; its limits are the chart's own."""

import pytest
from charts.rollouts.verdicts import measure, metric, verdict

TTFT, TAIL, ITL = (
    f"pool_revision:{name}" for name in ("ttft_seconds:p95", "ttft_seconds:p99", "itl_seconds:p95")
)
COUNT = "pool_revision:ttft_seconds:count"
QUEUE, CACHE = "pool_revision:queue_length:max", "pool_revision:kv_cache_usage:max"
TOKENS = "pool_revision:generation_tokens_per_gpu:rate"
RUNNING = "pool_revision:requests_running_per_gpu:avg"
RATIO, ERRORS, ASKED = (
    f"pool_subset:gateway_{name}" for name in ("errors:ratio", "errors:count", "requests:count")
)
MANY = {COUNT: {"new": 500, "old": 5000}}
FEW = {COUNT: {"new": 19, "old": 5000}}
ONLY_CANARY = {COUNT: {"new": 5000, "old": 0}}


def errors(ratio, count, asked, stable=0.0):
    return {
        RATIO: {"new": ratio, "old": stable},
        ERRORS: {"new": count},
        ASKED: {"new": asked, "old": 5000},
    }


def tokens(canary, stable, running, stable_running=10.0):
    in_hand = {"new": running, "old": stable_running}
    return {TOKENS: {"new": canary, "old": stable}, RUNNING: in_hand, **MANY}


def quantiles(record, new, least, old=None):
    """The canary's percentile, the least that it may be, and stable's."""
    stable = {} if old is None else {"old": old}
    return {record: {"new": new, **stable}, f"{record}_least": {"new": least, **stable}}


CASES = [
    ("ttft-p95", {**quantiles(TTFT, 0.4, 0.3, 0.3), **MANY}, 0.4, "Successful"),
    ("ttft-p95", {**quantiles(TTFT, 2.5, 2.4, 0.3), **MANY}, 2.5, "Successful"),
    ("ttft-p95", {**quantiles(TTFT, 3, 2.6, 0.3), **MANY}, 2.6, "Failed"),
    # Above the limit, but it might be so by accident.
    ("ttft-p95", {**quantiles(TTFT, 3, 2.4, 0.3), **MANY}, None, "Inconclusive"),
    ("ttft-p95", {**quantiles(TTFT, 3, 2.6, 0.3), **FEW}, None, "Inconclusive"),
    ("ttft-p95", {**quantiles(TTFT, 0.4, 0.3), **FEW}, None, "Inconclusive"),
    ("ttft-p95", {}, None, "Inconclusive"),
    # The whole pool is slow: nothing is learnt of the canary, unless it is the one that is not.
    ("ttft-p95", {**quantiles(TTFT, 9, 8, 9), **MANY}, None, "Inconclusive"),
    ("ttft-p95", {**quantiles(TTFT, 0.4, 0.3, 9), **MANY}, 0.4, "Successful"),
    # Stable has no requests at weight 100.
    ("ttft-p95", {**quantiles(TTFT, 0.4, 0.3), **ONLY_CANARY}, 0.4, "Successful"),
    ("ttft-p95", {**quantiles(TTFT, 9, 8), **ONLY_CANARY}, 8, "Failed"),
    ("ttft-p99", {**quantiles(TAIL, 9.9, 9, 1), **MANY}, 9.9, "Successful"),
    ("ttft-p99", {**quantiles(TAIL, 12, 11, 1), **MANY}, 11, "Failed"),
    ("ttft-p99", {**quantiles(TAIL, 12, 11, 1), COUNT: {"new": 249}}, None, "Inconclusive"),
    ("ttft-p95-against-stable", {**quantiles(TTFT, 0.5, 0.4, 0.4), **MANY}, 1.25, "Successful"),
    ("ttft-p95-against-stable", {**quantiles(TTFT, 2, 1.5, 0.5), **MANY}, 3, "Failed"),
    ("ttft-p95-against-stable", {**quantiles(TTFT, 2, 0.9, 0.5), **MANY}, None, "Inconclusive"),
    # Both below the floor: nobody notices.
    ("ttft-p95-against-stable", {**quantiles(TTFT, 0.09, 0.08, 0.01), **MANY}, 1, "Successful"),
    ("ttft-p95-against-stable", {**quantiles(TTFT, 2, 1.5, 0.5), **FEW}, None, "Inconclusive"),
    ("ttft-p95-against-stable", {**quantiles(TTFT, 2, 1.5), **ONLY_CANARY}, None, "Inconclusive"),
    ("itl-p95", {**quantiles(ITL, 0.05, 0.04, 0.04), **MANY}, 0.05, "Successful"),
    ("itl-p95", {**quantiles(ITL, 0.15, 0.12, 0.04), **MANY}, 0.12, "Failed"),
    ("itl-p95", {**quantiles(ITL, 0.15, 0.12, 0.04), **FEW}, None, "Inconclusive"),
    ("itl-p95-against-stable", {**quantiles(ITL, 0.06, 0.05, 0.05), **MANY}, 1.2, "Successful"),
    ("itl-p95-against-stable", {**quantiles(ITL, 0.15, 0.14, 0.05), **MANY}, 2.8, "Failed"),
    ("itl-p95-against-stable", {**quantiles(ITL, 0.15, 0.14, 0.05), **FEW}, None, "Inconclusive"),
    ("error-ratio", errors(0.0, 0, 500), 0, "Successful"),
    ("error-ratio", errors(0.05, 25, 500), 0.05, "Failed"),
    # One error of 60 requests is 1.7 %, and no sign of anything.
    ("error-ratio", errors(0.017, 1, 60), 0, "Successful"),
    ("error-ratio", errors(0.083, 5, 60), 0.083, "Failed"),
    ("error-ratio", errors(0.5, 5, 10), None, "Inconclusive"),
    ("error-ratio", errors(0.05, 25, 500, stable=0.05), None, "Inconclusive"),
    ("error-ratio", {}, None, "Inconclusive"),
    ("queue-length", {QUEUE: {"new": 0, "old": 0}}, 0, "Successful"),
    ("queue-length", {QUEUE: {"new": 11, "old": 2}}, 11, "Failed"),
    ("queue-length", {QUEUE: {"new": 11, "old": 30}}, None, "Inconclusive"),
    ("kv-cache-usage", {CACHE: {"new": 0.5, "old": 0.5}}, 0.5, "Successful"),
    ("kv-cache-usage", {CACHE: {"new": 0.99, "old": 0.5}}, 0.99, "Failed"),
    ("kv-cache-usage", {CACHE: {"new": 0.99, "old": 0.99}}, None, "Inconclusive"),
    ("kv-cache-usage", {}, None, "Inconclusive"),
    ("tokens-per-gpu-against-stable", tokens(90, 100, running=12), 0.9, "Successful"),
    ("tokens-per-gpu-against-stable", tokens(50, 100, running=12), 0.5, "Failed"),
    # It has less to do, so it makes less.
    ("tokens-per-gpu-against-stable", tokens(50, 100, running=5), None, "Inconclusive"),
    # Both are idle for the most part, and make what they are asked for.
    ("tokens-per-gpu-against-stable", tokens(30, 70, 0, 0), None, "Inconclusive"),
    ("tokens-per-gpu-against-stable", tokens(30, 70, 1.2, 0.9), None, "Inconclusive"),
    ("smoke-reached-the-canary", {COUNT: {"new": 18}}, 18, "Successful"),
    ("smoke-reached-the-canary", {COUNT: {"new": 0}}, 0, "Inconclusive"),
    ("smoke-reached-the-canary", {}, None, "Inconclusive"),
]


@pytest.mark.parametrize(("name", "recorded", "value", "expected"), CASES)
def test_a_gate_judges_what_was_recorded(rendered, tmp_path, name, recorded, value, expected):
    gate = metric(rendered("default"), name)

    measured = measure(gate, recorded, tmp_path)

    assert (measured, verdict(gate, measured)) == (pytest.approx(value), expected)


def test_every_gate_has_a_case_of_each_verdict(rendered):
    rendering = rendered("default")
    metrics = [m for t in rendering.all("AnalysisTemplate") for m in t["spec"]["metrics"]]
    names = {metric["name"] for metric in metrics if "prometheus" in metric["provider"]}
    wanted = {
        (name, verdict) for name in names for verdict in ("Successful", "Failed", "Inconclusive")
    }
    never = {("smoke-reached-the-canary", "Failed")}  # the Job fails, not the count

    assert wanted - never == {(name, expected) for name, *_, expected in CASES}


@pytest.mark.parametrize("scenario", ["default", "cautious", "experiment"])
def test_no_gate_is_successful_without_data(rendered, scenario):
    for template in rendered(scenario).all("AnalysisTemplate"):
        for gate in template["spec"]["metrics"]:
            if "prometheus" in gate["provider"]:
                assert gate["successCondition"].startswith(
                    "len(result) > 0 && !isNaN(result[0]) && "
                )
                assert gate["failureCondition"].startswith(
                    ("len(result) > 0 && !isNaN(result[0]) && ", "false")
                )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(float("nan"), "Inconclusive"), (None, "Inconclusive"), (1, "Successful")],
)
def test_a_quantile_of_no_observations_is_no_verdict(rendered, value, expected):
    assert verdict(metric(rendered("default"), "ttft-p95"), value) == expected

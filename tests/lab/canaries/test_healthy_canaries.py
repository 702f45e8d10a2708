"""A healthy canary is promoted step by step, Envoy splits as it is told, and no request fails."""

import re
from itertools import pairwise

from lab.canaries.signing_off import signing_off
from lab.chances import likely
from weighbridge_lab.canaries import POOLS, Version

WEIGHTS = [1, 5, 25, 50, 100]
"""Of the preset `standard`."""
# A weight is in force in Envoy this long after it was written: istiod waits for more, then pushes.
PUSH_S = 1.0


def assert_promoted(act):
    """The canary is stable, the weights are stable's, and nobody has noticed."""
    change, figures = act.change, act.figures
    told = f"{change.told()}\n{act.ledger.summary()}"
    assert figures.end == "promoted", told
    assert not act.ledger.failed(), told
    assert change.envoy_weights() in ({"stable": 100}, {"stable": 100, "canary": 0}), told


def assert_split_as_set(change):
    """Of the requests at each weight the new version had its share, but for chance."""
    requests, servers = change.requests(), change.servers()
    # After the last step all are the new version's, whatever subset they go by.
    for weight, following in pairwise(change.weights()):
        sent = [r for r in requests if weight.at + PUSH_S <= r.at < following.at]
        new = sum(request.server in servers for request in sent)
        assert sent, f"no request at {weight.percent} %"
        assert new in likely(len(sent), weight.percent / 100), (weight.percent, new, len(sent))


def test_healthy_canary_gets_each_weight_and_is_promoted(act, rollouts):
    # At 1 % a window has few requests; what so few say is a matter for production's windows.
    few = {"minRequests": 1, "tailMinRequests": 1}
    rollouts({"defaults": {"weights": WEIGHTS, "pauses": ["5s"], "analysis": few}})
    with act("healthy, all steps of the preset", rate=110) as running:
        running.change.until_promoted(180)
    assert_promoted(running)
    change = running.change
    weights = change.weights()
    assert [weight.percent for weight in weights] == [0, *WEIGHTS, 0], change.told()
    assert_split_as_set(change)


def test_both_tiers_roll_out_at_once_on_one_virtualservice(act, change_of):
    large = change_of(POOLS["large"])
    with act("both tiers at once: small healthy, large slow") as running:
        large.push(Version.new("--ttft-factor=4"))
        large.until_aborted(120)
        running.change.until_promoted(120)
        running.until_answered(1)
    assert_promoted(running)
    assert large.blamed() & {"ttft-p95", "ttft-p95-against-stable", "ttft-p99"}, large.told()
    assert large.envoy_weights() in ({"stable": 100}, {"stable": 100, "canary": 0})
    # Neither has moved the other's weights.
    assert {weight.percent for weight in running.change.weights()} == {0, 20, 50, 100}


def test_rollout_goes_on_while_the_pool_is_scaled_and_k6_signs_it_off(lab, act):
    pool = POOLS["small"]

    def scale(replicas):
        # By the subresource, as an autoscaler does.
        lab.kubectl("scale", f"rollout/{pool}", f"--replicas={replicas}", "--namespace=llm")

    # Times are the business of other tests: this machine is shared.
    promises = {"DURATION": "20s", "RATE": "10", "TTFT_MS": "60000"}
    with (
        act("healthy, pool scaled from 2 to 4 and 3") as running,
        signing_off(lab, **promises) as k6,
    ):
        running.change.until_weight(20)
        scale(4)
        running.change.until_weight(50)
        scale(3)
        running.change.until_promoted(120)
        said = k6()
    scale(2)
    assert_promoted(running)
    assert re.search(r"^kept +failed +rate<=0 +0$", said, re.MULTILINE), said

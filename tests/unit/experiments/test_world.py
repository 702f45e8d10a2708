"""Users, router and tiers together."""

from dataclasses import replace

import numpy as np
import pytest
from unit.experiments.worlds import CROWD, fixed, plan
from weighbridge_experiments.pool import Spot
from weighbridge_experiments.request import End
from weighbridge_experiments.scaler import Scaling
from weighbridge_experiments.world import World, simulate

SCALED = plan(scaling=Scaling(most=3, down_s=120.0))
WORLD = World({"small": SCALED, "large": replace(SCALED, dollars_per_hour=9.0)}, CROWD)


def story(outcome):
    return [(each.tier, each.arrived_at, each.ttft, each.ended_at) for each in outcome.requests]


def test_the_same_seed_tells_the_same_story_and_another_seed_another():
    once, again, other = (simulate(WORLD, seed) for seed in (1, 1, 2))
    assert repr(story(once)) == repr(story(again))
    assert once.bills == again.bills
    assert repr(story(once)) != repr(story(other))


@pytest.mark.parametrize("spot", [None, Spot(per_hour=30.0, notice_s=5.0)])
def test_every_request_ends_once_or_is_on_its_way_at_the_end(spot):
    world = World({name: replace(each, spot=spot) for name, each in WORLD.tiers.items()}, CROWD)
    requests = simulate(world, 1).requests
    open_ones = [each for each in requests if each.end is None]
    ends = [sum(each.end is end for each in requests) for end in End]
    assert sum(ends) + len(open_ones) == len(requests)
    assert len(open_ones) <= CROWD.high
    assert all(each.ended_at >= each.arrived_at for each in requests if each.end)
    if spot:
        assert ends[1] + ends[2] > 0
    else:
        assert ends[1] + ends[2] == 0


def test_the_share_of_hard_requests_goes_to_the_last_tier():
    requests = simulate(WORLD, 1).requests
    assert np.mean([each.tier == "large" for each in requests]) == pytest.approx(0.3, abs=0.03)


def test_one_tier_gets_all():
    requests = simulate(World({"large": SCALED}, CROWD), 1).requests
    assert {each.tier for each in requests} == {"large"}


def test_more_pods_never_make_the_longest_queue_longer():
    queues = []
    for pods in (1, 2, 4, 8):
        bill = simulate(World({"only": plan(scaling=fixed(pods))}, CROWD), 1).bills["only"]
        queues.append(max(look.waiting for look in bill.looks))
    assert queues == sorted(queues, reverse=True)
    assert queues[0] > queues[-1]


def test_progress_is_told_up_to_the_end():
    told = []
    simulate(WORLD, 1, told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)

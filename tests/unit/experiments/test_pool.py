"""A tier's pods: when they come, when they go, and what they cost."""

import random

import pytest
from unit.experiments.worlds import fixed, plan
from weighbridge_experiments.clock import Clock
from weighbridge_experiments.pool import Pool, Spot
from weighbridge_experiments.request import End, Request
from weighbridge_experiments.scaler import Scaling

HOUR = 3600.0


class Tier:
    """A pool with its clock."""

    def __init__(self, seconds=HOUR, **changes) -> None:
        self.clock = Clock()
        self.plan = plan(**changes)
        self.ended = []
        self.pool = Pool(self.clock, self.plan, random.Random(7), self.ended.append, seconds)
        self.seconds = seconds

    def ask(self, *moments, answer=50):
        for moment in moments:
            request = Request(prompt=10, answer=answer, arrived_at=moment)
            self.clock.at(moment, lambda request=request: self.pool.submit(request))

    def end(self):
        self.clock.run(self.seconds)
        self.pool.close()
        return self.pool.bill


def test_pods_that_stay_cost_their_hours():
    tier = Tier(scaling=fixed(3))
    assert tier.end().dollars(tier.plan) == pytest.approx(3.0)


def test_a_wanted_pod_is_paid_at_once_and_serves_after_its_cold_start():
    tier = Tier(scaling=Scaling(most=2), cold_start_s=100.0)
    tier.ask(*[1.0] * 60, answer=2000)
    bill = tier.end()
    paid = next(look.at for look in bill.looks if look.paid == 2)
    up = next(look.at for look in bill.looks if look.pods == 2)
    assert 80.0 - 15.0 <= up - paid <= 120.0 + 15.0


def test_all_go_to_ready_pods_and_each_ends_once():
    tier = Tier(scaling=Scaling(most=4, down_s=60.0))
    tier.ask(*[each * 0.1 for each in range(3000)])
    bill = tier.end()
    assert len(tier.ended) == 3000
    assert {each.end for each in tier.ended} == {End.ANSWERED}
    assert max(look.pods for look in bill.looks) > 1
    assert bill.looks[-1].pods == 1


def test_without_interruptions_spot_costs_its_part_of_the_price():
    tier = Tier(scaling=fixed(2), spot=Spot(per_hour=0.0, price=0.25))
    assert tier.end().dollars(tier.plan) == pytest.approx(2 * 0.25)


def test_a_safe_pod_is_paid_in_full_and_never_interrupted():
    tier = Tier(scaling=fixed(1), spot=Spot(per_hour=1000.0, safe_pods=1))
    bill = tier.end()
    assert (bill.interruptions, bill.spot_s, bill.on_demand_s) == (0, 0.0, HOUR)


def test_a_taken_pod_has_a_successor_and_meanwhile_clients_are_refused():
    tier = Tier(scaling=fixed(1), spot=Spot(per_hour=4.0, notice_s=20.0), cold_start_s=300.0)
    tier.ask(*[float(each) for each in range(3500)], answer=20)
    bill = tier.end()
    refused = [each for each in tier.ended if each.end is End.REFUSED]
    assert bill.interruptions >= 1
    assert 240 * 0.9 <= len(refused) <= 360 * bill.interruptions
    answered = [each for each in tier.ended if each.end is End.ANSWERED]
    assert answered[-1].arrived_at > refused[0].arrived_at


def test_a_notice_lets_short_answers_end_and_cuts_long_ones():
    spot = Spot(per_hour=60.0, notice_s=30.0)
    short, long = Tier(scaling=fixed(2), spot=spot), Tier(scaling=fixed(2), spot=spot)
    short.ask(*[each * 2.0 for each in range(1500)], answer=50)
    long.ask(*[each * 60.0 for each in range(50)], answer=5000)
    assert short.end().interruptions > 5
    assert long.end().interruptions > 5
    assert End.CUT not in {each.end for each in short.ended}
    assert End.CUT in {each.end for each in long.ended}


def test_the_less_loaded_of_two_is_taken():
    tier = Tier(scaling=fixed(2), seconds=10.0)
    tier.ask(*[0.0] * 40, answer=5000)
    tier.clock.run(1.0)
    loads = [pod.load for pod in tier.pool._up()]
    assert sum(loads) == 40
    assert abs(loads[0] - loads[1]) <= 4

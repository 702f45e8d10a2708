"""The scenarios of `autoscaling`, and the numbers of one run of one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from weighbridge_experiments.hardware import LARGE, SMALL, Server
from weighbridge_experiments.measure import Percentiles, count, percentiles
from weighbridge_experiments.pool import Bill, Plan, Spot
from weighbridge_experiments.request import End
from weighbridge_experiments.scaler import DEFAULTS, Scaling
from weighbridge_experiments.traffic import CROWD, LENGTHS, Crowd
from weighbridge_experiments.world import Outcome, World

MONTH_HOURS: Final = 730
CAPPED: Final = replace(DEFAULTS, most=3)
"""For a tier whose pods are dear and fast: as many as the load needs, however long the queue."""
UNSEATED: Final = replace(DEFAULTS, seats_usage=0.0)
"""By requests that wait and the KV cache alone."""


@dataclass(frozen=True)
class Result:
    """One run of one scenario.

    Attributes:
        ttft: of all requests.
        by_tier: likewise of each tier's.
        requests: how many came.
        cut: whose pod went away in the middle.
        refused: for which there was no pod.
        dollars: by tier.
        bills: by tier.
        hours: that it lasted.
    """

    ttft: Percentiles
    by_tier: Mapping[str, Percentiles]
    requests: int
    cut: int
    refused: int
    dollars: Mapping[str, float]
    bills: Mapping[str, Bill]
    hours: float

    @property
    def month(self) -> float:
        """Dollars of a month of such hours."""
        return sum(self.dollars.values()) / self.hours * MONTH_HOURS

    @property
    def per_thousand(self) -> float:
        """Dollars for a thousand requests that were not lost."""
        return sum(self.dollars.values()) / (self.requests - self.cut - self.refused) * 1000

    @property
    def queue(self) -> int:
        """The longest queue of a tier."""
        return max(look.waiting for bill in self.bills.values() for look in bill.looks)

    @property
    def interruptions(self) -> int:
        """Notices of spot nodes."""
        return sum(bill.interruptions for bill in self.bills.values())

    def tier_month(self, tier: str) -> float:
        """Dollars of a month of such hours, of one tier."""
        return self.dollars.get(tier, 0.0) / self.hours * MONTH_HOURS

    def pods(self, tier: str) -> float:
        """Mean number of pods that are paid."""
        return float(np.mean([look.paid for look in self.bills[tier].looks]))

    def most_pods(self, tier: str) -> int:
        """The most pods that were up."""
        return max(look.pods for look in self.bills[tier].looks)

    def kv_usage(self, tier: str) -> float:
        """Mean share of the KV cache in use."""
        return float(np.mean([look.kv_usage for look in self.bills[tier].looks if look.pods]))


def scenarios(crowd: Crowd = CROWD) -> dict[str, World]:
    """What is compared, by name."""
    tiers = {"small": plan(SMALL), "large": plan(LARGE)}
    large = {"large": plan(LARGE)}
    return {
        "tiers, on demand": World(tiers, crowd),
        "tiers, spot": World(_on(Spot(), tiers), crowd),
        "tiers, spot but for one pod each": World(_on(Spot(safe_pods=1), tiers), crowd),
        "all to large, on demand": World(large, crowd),
        "all to large, 3 pods at most": World({"large": plan(LARGE, CAPPED)}, crowd),
        "all to large, by queue and cache alone": World({"large": plan(LARGE, UNSEATED)}, crowd),
        "all to large, spot": World(_on(Spot(), large), crowd),
    }


def plan(server: Server, scaling: Scaling = DEFAULTS) -> Plan:
    """A tier of such pods."""
    return Plan(
        engine=server.engine(LENGTHS.typical_tokens),
        dollars_per_hour=server.dollars_per_hour,
        scaling=scaling,
        cold_start_s=server.cold_start_s,
    )


def measure(world: World, outcome: Outcome) -> Result:
    """The numbers of one run."""
    requests = outcome.requests
    return Result(
        ttft=percentiles(request.ttft for request in requests),
        by_tier={
            tier: percentiles(request.ttft for request in requests if request.tier == tier)
            for tier in world.tiers
        },
        requests=len(requests),
        cut=count(requests, End.CUT),
        refused=count(requests, End.REFUSED),
        dollars={tier: outcome.bills[tier].dollars(plan) for tier, plan in world.tiers.items()},
        bills=outcome.bills,
        hours=world.crowd.seconds / 3600,
    )


def _on(spot: Spot, plans: Mapping[str, Plan]) -> dict[str, Plan]:
    return {name: replace(each, spot=spot) for name, each in plans.items()}

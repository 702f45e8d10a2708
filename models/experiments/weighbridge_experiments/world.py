"""Users, a router and tiers put together; an hour of them in, what happened to each request out.

The router is a share: which of the requests are hard is drawn by lot, not read from a text.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from weighbridge_experiments.clock import Clock
from weighbridge_experiments.pool import Bill, Plan, Pool
from weighbridge_experiments.request import Request
from weighbridge_experiments.traffic import CROWD, LENGTHS, Crowd, Lengths, User


@dataclass(frozen=True)
class World:
    """A scenario.

    Attributes:
        tiers: by name; the last one gets `hard_share` of the requests, the first one the others.
        crowd: who asks.
        lengths: for how much.
        hard_share: share of the requests for the last tier.
    """

    tiers: Mapping[str, Plan]
    crowd: Crowd = CROWD
    lengths: Lengths = LENGTHS
    hard_share: float = 0.3

    def tier_of(self, dice: random.Random) -> str:
        """Where a request goes."""
        first, *_, last = (*self.tiers, *self.tiers)
        return last if dice.random() < self.hard_share else first


@dataclass(frozen=True)
class Outcome:
    """What happened.

    Attributes:
        requests: all, in order of arrival; some are on their way still.
        bills: by tier.
    """

    requests: list[Request]
    bills: dict[str, Bill]


def simulate(world: World, seed: int, told: Callable[[float], object] = lambda _: None) -> Outcome:
    """Run a scenario; the same seed gives the same outcome.

    Args:
        world: the scenario.
        seed: of all dice.
        told: called now and then with the share that is done, 0 to 1.
    """
    clock = Clock()
    end = world.crowd.seconds
    requests: list[Request] = []
    users: dict[Request, User] = {}

    def ended(request: Request) -> None:
        users.pop(request).think()

    pools = {
        name: Pool(clock, plan, random.Random(f"{seed} {name}"), ended, end)  # noqa: S311
        for name, plan in world.tiers.items()
    }

    def ask(user: User) -> None:
        # The lot first, always: the same question is as long whatever the tiers are.
        tier = world.tier_of(user.dice)
        request = world.lengths.draw(user.dice, tier)
        request.arrived_at = clock.now
        requests.append(request)
        users[request] = user
        pools[tier].submit(request)

    _bring(clock, world.crowd, seed, ask)
    clock.every(end / 100, lambda: told(clock.now / end), end)
    clock.run(end)
    for pool in pools.values():
        pool.close()
    return Outcome(requests, {name: pool.bill for name, pool in pools.items()})


def _bring(clock: Clock, crowd: Crowd, seed: int, ask: Callable[[User], None]) -> None:
    for number in range(crowd.high):
        comes, leaves = crowd.stay(number)
        dice = random.Random(f"{seed} {number}")  # noqa: S311  # dice, not secrets
        clock.at(comes, partial(User.think, User(clock, dice, crowd.think_s, leaves, ask)))

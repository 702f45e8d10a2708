"""The trials of `batching`: one pod under a steady number of clients; the waste of its cache."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge_experiments.measure import percentiles
from weighbridge_experiments.pod import Engine
from weighbridge_experiments.pool import Plan
from weighbridge_experiments.scaler import Scaling
from weighbridge_experiments.traffic import CONTEXT, LENGTHS, Crowd
from weighbridge_experiments.world import World, simulate

SECONDS: Final = 2400.0
WARM_S: Final = 120.0
"""What arrives before is not counted: at first all clients come at once."""
JUDGED: Final = 2 / 3
"""Part of the time in which those arrive that are judged: they are to have ended at its end."""
AT_ONCE_S: Final = 0.001
"""Seconds from an answer's end to the next question: none to speak of."""
DRAWS: Final = 20_000


@dataclass(frozen=True)
class Trial:
    """One pod under one load.

    Attributes:
        tokens: of answers, a second.
        ttft_p50: seconds.
        ttft_p95: seconds.
        itl_p50: seconds; mean gap of each answer, of these the median.
        running: mean number of requests that ran.
        preemptions: for a hundred answers.
    """

    tokens: float
    ttft_p50: float
    ttft_p95: float
    itl_p50: float
    running: float
    preemptions: float


def try_pod(engine: Engine, clients: int, seed: int, seconds: float = SECONDS) -> Trial:
    """Let so many clients ask one pod, each for the next answer once it has one."""
    plan = Plan(engine, dollars_per_hour=0.0, scaling=Scaling(least=1, most=1))
    crowd = Crowd(low=clients, high=clients, seconds=seconds, think_s=AT_ONCE_S)
    outcome = simulate(World({"only": plan}, crowd), seed)
    warm = min(WARM_S, seconds / 2)
    judged = [each for each in outcome.requests if warm <= each.arrived_at <= seconds * JUDGED]
    ended = [each for each in outcome.requests if each.end and (each.ended_at or 0) >= warm]
    ttft = percentiles(each.ttft for each in judged)
    looks = [look.running for look in outcome.bills["only"].looks if look.at >= warm]
    return Trial(
        tokens=sum(each.answer for each in ended) / (seconds - warm),
        ttft_p50=ttft.p50,
        ttft_p95=ttft.p95,
        itl_p50=percentiles(each.itl for each in judged).p50,
        running=sum(looks) / len(looks),
        preemptions=100 * sum(each.preemptions for each in ended) / max(1, len(ended)),
    )


@dataclass(frozen=True)
class Waste:
    """What blocks of a size cost.

    Attributes:
        block: tokens of one.
        spare: share of the held cache that holds nothing.
        held: tokens of cache that a request holds, on average.
    """

    block: int
    spare: float
    held: float

    def fit(self, kv_tokens: int) -> int:
        """Requests that a cache of so many tokens holds at once, on average."""
        return int(kv_tokens / self.held)


def waste(blocks: Sequence[int], seed: int) -> list[Waste]:
    """Look at running requests at moments drawn by lot: each as often as its answer is long."""
    dice = random.Random(seed)  # noqa: S311  # dice, not secrets
    drawn = [LENGTHS.draw(dice) for _ in range(DRAWS)]
    seen = dice.choices(drawn, weights=[each.answer for each in drawn], k=DRAWS)
    tokens = [each.prompt + math.ceil(dice.random() * each.answer) for each in seen]
    return [_waste(block, tokens) for block in blocks]


def whole_context(seed: int) -> Waste:
    """The same where each request is given room for the longest that may be: one block of it."""
    return waste([CONTEXT], seed)[0]


def with_blocks(engine: Engine, block: int) -> Engine:
    """The same pod with blocks of another size."""
    return replace(engine, block_size=block)


def _waste(block: int, tokens: Sequence[int]) -> Waste:
    held = [math.ceil(each / block) * block for each in tokens]
    return Waste(block, 1 - sum(tokens) / sum(held), sum(held) / len(held))

"""Requests of servers that answered, and of the simulation, in; how far they are apart, out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge_experiments.measure import percentiles
from weighbridge_experiments.request import End, Request
from weighbridge_experiments.world import World, simulate

CROWDS: Final = 3
"""Crowds that ask at once, each servers of its own: one alone is a matter of luck."""
OTHERS: Final = 10
"""Simulations of as many other crowds, which say how much of a difference is luck still."""


@dataclass(frozen=True)
class Figures:
    """What is compared.

    Attributes:
        ttft_p50: seconds.
        ttft_p95: seconds.
        itl_p50: seconds; mean gap of each answer, of these the median.
        answers: whole ones a second.
        tokens: of whole answers, a second.
    """

    ttft_p50: float
    ttft_p95: float
    itl_p50: float
    answers: float
    tokens: float


WORDS: Final = {
    "ttft_p50": ("TTFT p50", 1000, "ms"),
    "ttft_p95": ("TTFT p95", 1000, "ms"),
    "itl_p50": ("gap between tokens, p50", 1000, "ms"),
    "answers": ("answers", 1, "/s"),
    "tokens": ("tokens of answers", 1, "/s"),
}


def figures(crowds: Sequence[Sequence[Request]], seconds: float) -> Figures:
    """Of what was done within the time; rates are of one crowd, on average."""
    known = [each for requests in crowds for each in requests]
    first = [each.ttft for each in known if (each.first_token_at or seconds) < seconds]
    whole = [each for each in known if each.end is End.ANSWERED and (each.ended_at or 0) <= seconds]
    ttft = percentiles(first)
    return Figures(
        ttft_p50=ttft.p50,
        ttft_p95=ttft.p95,
        itl_p50=percentiles(each.itl for each in whole).p50,
        answers=len(whole) / seconds / len(crowds),
        tokens=sum(each.answer for each in whole) / seconds / len(crowds),
    )


@dataclass(frozen=True)
class Comparison:
    """One load, both ways.

    Attributes:
        real: what a client of the servers saw.
        simulated: with the same users.
        others: with others.
        preemptions: of the simulation.
        times: of first tokens, real and simulated, for the plot.
    """

    real: Figures
    simulated: Figures
    others: Sequence[Figures]
    preemptions: int
    times: tuple[Sequence[float], Sequence[float]]

    def error(self, name: str) -> float:
        """Of the simulation, relative to what was real."""
        real: float = getattr(self.real, name)
        simulated: float = getattr(self.simulated, name)
        return simulated / real - 1

    def luck(self, name: str) -> tuple[float, float]:
        """The least and the most of the simulations."""
        values = [getattr(each, name) for each in (self.simulated, *self.others)]
        return min(values), max(values)

    @property
    def within(self) -> int:
        """How many real figures no run of the simulation would be surprised by."""
        bounds = {name: self.luck(name) for name in WORDS}
        return sum(low <= getattr(self.real, name) <= high for name, (low, high) in bounds.items())


def compare(world: World, seed: int, real: Sequence[Sequence[Request]]) -> Comparison:
    """Simulate what was real, and with other seeds what could have been."""
    seconds = world.crowd.seconds
    firsts = range(seed, seed + CROWDS * (OTHERS + 1), CROWDS)
    runs = [
        [simulate(world, first + number).requests for number in range(CROWDS)] for first in firsts
    ]
    simulated, *others = (figures(each, seconds) for each in runs)
    times = (_times(real), _times(runs[0]))
    preemptions = sum(each.preemptions for requests in runs[0] for each in requests)
    return Comparison(figures(real, seconds), simulated, others, preemptions, times)


def _times(crowds: Sequence[Sequence[Request]]) -> list[float]:
    known = (each for requests in crowds for each in requests if each.first_token_at is not None)
    return sorted(each.ttft for each in known)

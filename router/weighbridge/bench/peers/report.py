"""What the side by side measured, as data: raw rounds, and what they come to."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from weighbridge.bench.load import UNANSWERED, UNSENT, LoadResult
from weighbridge.bench.machine import Machine
from weighbridge.bench.peers.envoy import Side
from weighbridge.bench.statistics import Spread, differences, ratios, spread

SCHEMA_VERSION: Final = 1
_TOLERATED: Final = 0.01
"""Share of a rate's requests that may be left over: one hiccup at the end is no saturation."""


class PeersOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Not the 3 MB case by default: LiteLLM reads all of a document, and its one process does nothing
    else for the seconds that this takes.

    Attributes:
        rounds: times that each target is measured, in turn.
        seconds: length of one measurement.
        warmup_s: seconds of the same load before it.
        cases: sizes of request, keys of `prompts.CASES`.
        connections: requests in flight at once where throughput and rates are measured.
        rates: requests of the first size per second at which latency is measured, ascending.
        starts: times that router and LiteLLM are started to measure how long that takes.
        soak: requests of the first size through each target before its memory is read again.
    """

    rounds: int = 3
    seconds: float = 2.0
    warmup_s: float = 0.3
    cases: tuple[str, ...] = ("small", "32k", "220k")
    connections: int = 16
    rates: tuple[float, ...] = (10, 50, 100, 300, 1000)
    starts: int = 2
    soak: int = 1000


class AtRate(msgspec.Struct, frozen=True):
    """One target's turn at one rate: its latencies, or that it could not carry the rate."""

    rate: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    saturated: bool = False


class PeersRound(msgspec.Struct, frozen=True):
    """One target's turn with one size of request: one at a time, and as many as it takes."""

    single: LoadResult
    loaded: LoadResult


class PeersCase(msgspec.Struct, frozen=True):
    """One size of request and its rounds by target."""

    name: str
    label: str
    body_bytes: int
    rounds: dict[Side, list[PeersRound]]

    def p50_ms(self, side: Side) -> Spread:
        """Median latency, one request at a time."""
        return spread(_p50(self.rounds[side]))

    def p99_ms(self, side: Side) -> Spread:
        """Its 99th percentile."""
        return spread([each.single.latencies.p99_ms for each in self.rounds[side]])

    def added_ms(self, side: Side) -> Spread:
        """Median latency over plain Envoy's, round by round."""
        return differences(_p50(self.rounds[side]), _p50(self.rounds[Side.PLAIN]))

    def requests_per_s(self, side: Side) -> Spread | None:
        """Throughput when loaded; None where it is below what the run can tell."""
        rounds = self.rounds[side]
        good = [each.loaded.requests_per_s for each in rounds if not strained(each.loaded)]
        return spread(good) if len(good) * 2 > len(rounds) else None

    def throughput_ratio(self) -> Spread | None:
        """The router's throughput over LiteLLM's, round by round; None where one is not known."""
        ours, theirs = (
            [each.loaded for each in self.rounds[side]] for side in (Side.ROUTER, Side.LITELLM)
        )
        if any(map(strained, ours + theirs)):
            return None
        return ratios([r.requests_per_s for r in ours], [r.requests_per_s for r in theirs])

    def added_ratio(self) -> Spread | None:
        """LiteLLM's added latency over the router's, round by round.

        None where one of them added nothing in a round: noise, of which a ratio says nothing.
        """
        plain = _p50(self.rounds[Side.PLAIN])
        ours, theirs = (
            [own - base for own, base in zip(_p50(self.rounds[side]), plain, strict=True)]
            for side in (Side.ROUTER, Side.LITELLM)
        )
        return ratios(theirs, ours) if min(*ours, *theirs) > 0 else None


class Memory(msgspec.Struct, frozen=True):
    """Resident bytes of one process and its children: before its first request, and at the end."""

    fresh_bytes: int
    loaded_bytes: int


class PeersReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole side by side.

    Attributes:
        started_at: UTC, ISO 8601.
        litellm: its version.
        rates: turns at each rate, by target, a list for each round.
        seconds_to_first: from a process's start until the router serves, LiteLLM answers.
        memory: by process.
        faults: what makes the numbers worthless: requests that failed or were not weighed.
    """

    schema_version: int = SCHEMA_VERSION
    started_at: str
    machine: Machine
    litellm: str
    options: PeersOptions
    cases: list[PeersCase]
    rates: dict[Side, list[list[AtRate]]]
    seconds_to_first: dict[Side, Spread]
    memory: dict[str, Memory]
    faults: list[str]

    @property
    def noise(self) -> float:
        """Largest spread of a target's throughput between rounds, relative, either way."""
        loads = (case.requests_per_s(side) for case in self.cases for side in case.rounds)
        return max((load.noise for load in loads if load), default=0.0)

    def at_rate(self, side: Side, rate: float) -> list[AtRate]:
        """The rounds of one target at one rate."""
        return [turn for turns in self.rates[side] for turn in turns if turn.rate == rate]


def carried(turns: Iterable[AtRate], of: Callable[[AtRate], float]) -> Spread | None:
    """One figure over the rounds; None where the rate was too much in half of them or more."""
    everything = list(turns)
    good = [of(turn) for turn in everything if not turn.saturated]
    return spread(good) if len(good) * 2 > len(everything) else None


def strained(result: LoadResult) -> bool:
    """Whether a target had more to do than it can, so that nothing is told by what it did."""
    due = result.errors.get(UNSENT, 0)
    late = due > _TOLERATED * (due + result.answered)
    return late or UNANSWERED in result.errors or not result.measured


def other_faults(result: LoadResult) -> list[str]:
    """Faults of a result, of which being strained is none: that is a finding."""
    errors = {w: n for w, n in result.errors.items() if w not in {UNSENT, UNANSWERED}}
    measured = max(1, result.measured)
    return msgspec.structs.replace(result, errors=errors, measured=measured).faults()


def at_rate(rate: float, result: LoadResult) -> AtRate:
    """Judge a turn at a fixed rate: saturated where the rate could not be carried."""
    if strained(result):
        return AtRate(rate, saturated=True)
    return AtRate(rate, result.latencies.p50_ms, result.latencies.p99_ms)


def _p50(rounds: list[PeersRound]) -> list[float]:
    return [each.single.latencies.p50_ms for each in rounds]

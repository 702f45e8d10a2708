"""What a run measured, as data: raw rounds, and what they come to."""

from typing import Final

import msgspec

from weighbridge.bench.envoy import Target
from weighbridge.bench.load import LoadResult
from weighbridge.bench.machine import Machine
from weighbridge.bench.statistics import Spread, differences, ratios, spread

SCHEMA_VERSION: Final = 1
QUIET: Final = 0.05
NOISY: Final = 0.15
"""Spread of throughput between rounds, either way, from which numbers should not be trusted."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        rounds: times that each target is measured, in turn.
        seconds: length of one measurement.
        warmup_s: seconds of the same load before it.
        cases: sizes of request, keys of `prompts.CASES`.
        connections: requests in flight at once where throughput is measured.
        rate: requests per second at which latency is measured, over as many connections; latency
            then counts from when a request was due. None: one request at a time.
        soak: requests for memory and CPU time of the router; 0: none.
        starts: times that the router is started to measure how long that takes.
    """

    rounds: int = 5
    seconds: float = 3.0
    warmup_s: float = 0.3
    cases: tuple[str, ...] = ("small", "32k", "220k", "3m")
    connections: int = 16
    rate: float | None = None
    soak: int = 20_000
    starts: int = 3


class Round(msgspec.Struct, frozen=True):
    """One target's turn in one round.

    Attributes:
        single: one request at a time, or at a fixed rate.
        loaded: with as many connections as the options say.
        handler_micros: CPU time per request of the process that the filter asks, when loaded.
    """

    single: LoadResult
    loaded: LoadResult
    handler_micros: float = 0.0


class Measured(msgspec.Struct, frozen=True):
    """One target with one size of request, over the rounds.

    Attributes:
        p50_ms: median latency, one request at a time or at a fixed rate.
        p99_ms: its 99th percentile.
        added_p50_ms: what the target adds to plain Envoy's median, round by round.
        added_p99_ms: likewise for the 99th percentile.
        requests_per_s: throughput when loaded.
        of_empty: throughput as a share of the empty handler's, round by round.
        handler_micros: as in `Round`.
    """

    p50_ms: Spread
    p99_ms: Spread
    added_p50_ms: Spread
    added_p99_ms: Spread
    requests_per_s: Spread
    of_empty: Spread
    handler_micros: Spread


class CaseReport(msgspec.Struct, frozen=True):
    """One size of request: what it comes to for each target, and the rounds behind that."""

    name: str
    label: str
    body_bytes: int
    targets: dict[Target, Measured]
    rounds: dict[Target, list[Round]]


class Soak(msgspec.Struct, frozen=True):
    """Many small requests through the router, one after the other on all connections.

    Attributes:
        requests: how many.
        rss_fresh_bytes: resident memory of the router before its first request.
        rss_before_bytes: after all cases, before these requests.
        rss_after_bytes: after them.
        cpu_micros: CPU time of the router per request.
        requests_per_s: as fast as it went.
    """

    requests: int
    rss_fresh_bytes: int
    rss_before_bytes: int
    rss_after_bytes: int
    cpu_micros: float
    requests_per_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run.

    Attributes:
        started_at: UTC, ISO 8601.
        seconds_to_serving: from the start of the router's process until gRPC health says SERVING.
        faults: what makes the numbers worthless: requests that failed or failed open.
    """

    schema_version: int = SCHEMA_VERSION
    started_at: str
    machine: Machine
    options: Options
    cases: list[CaseReport]
    seconds_to_serving: Spread | None
    soak: Soak | None
    faults: list[str]

    @property
    def noise(self) -> float:
        """Largest spread of a target's throughput between rounds, relative, either way."""
        loads = (target.requests_per_s for case in self.cases for target in case.targets.values())
        return max((load.noise for load in loads), default=0.0)

    @property
    def noise_in_words(self) -> str:
        """How far the numbers can be trusted."""
        return noise_in_words(self.noise)


def noise_in_words(noise: float) -> str:
    """Say how far numbers can be trusted whose throughput has that spread between rounds."""
    share = f"throughput of one target differed by up to ±{noise:.0%} between rounds"
    if noise < QUIET:
        return f"quiet: {share}"
    if noise < NOISY:
        return f"some noise: {share}"
    return f"noisy: {share}; trust the ratios within a round, not the absolute numbers"


def summarise(rounds: dict[Target, list[Round]]) -> dict[Target, Measured]:
    """Sum up the rounds of one size of request; every target has as many."""
    plain, empty = rounds[Target.PLAIN], rounds[Target.EMPTY]
    return {target: _measured(own, plain, empty) for target, own in rounds.items()}


def _measured(own: list[Round], plain: list[Round], empty: list[Round]) -> Measured:
    return Measured(
        p50_ms=spread(_p50(own)),
        p99_ms=spread(_p99(own)),
        added_p50_ms=differences(_p50(own), _p50(plain)),
        added_p99_ms=differences(_p99(own), _p99(plain)),
        requests_per_s=spread(_rate(own)),
        of_empty=ratios(_rate(own), _rate(empty)),
        handler_micros=spread([each.handler_micros for each in own]),
    )


def _p50(rounds: list[Round]) -> list[float]:
    return [each.single.latencies.p50_ms for each in rounds]


def _p99(rounds: list[Round]) -> list[float]:
    return [each.single.latencies.p99_ms for each in rounds]


def _rate(rounds: list[Round]) -> list[float]:
    # Not 0: a target that answered nothing is a fault of the report, not of this division.
    return [max(each.loaded.requests_per_s, 1e-9) for each in rounds]

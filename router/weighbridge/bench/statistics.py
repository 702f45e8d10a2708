"""Latencies and rounds in, percentiles and spreads out. Pure."""

import math
import statistics
from collections.abc import Sequence

import msgspec


class Latencies(msgspec.Struct, frozen=True):
    """Percentiles of one load run, milliseconds from a request sent to its response complete.

    In a run of fixed rate the start is the moment at which the request was due.
    """

    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class Spread(msgspec.Struct, frozen=True):
    """One number over the rounds of a run."""

    median: float
    least: float
    most: float

    @property
    def noise(self) -> float:
        """Half the range between the rounds, relative to the median; 0 where that is 0."""
        return (self.most - self.least) / 2 / abs(self.median) if self.median else 0.0


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values don't exceed (nearest rank).

    Args:
        ordered: values in ascending order, at least one.
        share: 0..1.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latencies(seconds: Sequence[float]) -> Latencies:
    """Summarise latencies given in seconds, in any order; zeros where there are none."""
    if not seconds:
        return Latencies(0.0, 0.0, 0.0, 0.0)
    ordered = sorted(seconds)
    return Latencies(
        p50_ms=percentile(ordered, 0.5) * 1000,
        p90_ms=percentile(ordered, 0.9) * 1000,
        p99_ms=percentile(ordered, 0.99) * 1000,
        max_ms=ordered[-1] * 1000,
    )


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most of one value per round, at least one."""
    return Spread(statistics.median(values), min(values), max(values))


def differences(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Spread of value minus baseline, round by round: what both share cancels out."""
    return spread([value - base for value, base in zip(values, baseline, strict=True)])


def ratios(values: Sequence[float], baseline: Sequence[float]) -> Spread:
    """Spread of value over baseline, round by round; every baseline above 0."""
    return spread([value / base for value, base in zip(values, baseline, strict=True)])

"""Outcomes of simulations in, the few numbers that an operator compares out."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from weighbridge_experiments.request import End, Request

Run = TypeVar("Run")


@dataclass(frozen=True)
class Percentiles:
    """Of a time in seconds; nan where there was none."""

    p50: float
    p95: float
    p99: float


def percentiles(times: Iterable[float]) -> Percentiles:
    """Of those that are numbers."""
    known = [time for time in times if not math.isnan(time)]
    if not known:
        return Percentiles(math.nan, math.nan, math.nan)
    return Percentiles(*(float(value) for value in np.percentile(known, (50, 95, 99))))


def count(requests: Iterable[Request], end: End | None) -> int:
    """How many ended so; None: are on their way."""
    return sum(request.end is end for request in requests)


def spread(runs: Sequence[Run], number: Callable[[Run], float], form: str = ",.2f") -> str:
    """The median over runs of several seeds, and from where to where they go."""
    values = sorted(number(run) for run in runs)
    low, middle, high = (
        format(value, form) for value in (values[0], float(np.median(values)), values[-1])
    )
    return middle if low == high else f"{middle} ({low} to {high})"

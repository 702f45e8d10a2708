"""A raw score in, its percentile in the calibration traffic out: what makes a score mean something.

A classifier's raw score is any number that rises with difficulty. The calibration holds the raw
scores at evenly spaced quantiles of some traffic, its knots; a score is the share of that traffic
below, read off by straight lines between the knots. So threshold t sends about 1 - t of that
traffic to the hard tier, whatever the classifier, and means the same after retraining.

Many prompts may share one raw score (a health check, sent a thousand times). They are tied over a
range of percentiles, and all get the middle of it: no order is invented among equals.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from weighbridge.errors import ArtifactError

TENSOR: Final = "calibration"
"""The tensor of an artifact that holds the knots: float64, one dimension."""

KNOTS: Final = 257
"""256 steps: a percentile is never off by more than 0.4 %, and 2 KiB hold it."""

_LEAST_KNOTS = 2
_MOST_KNOTS = 65_537
MOST_RAW = 1e100
"""Differences of numbers up to it stay finite; a raw score beyond it is a fault."""

Floats = npt.NDArray[np.float64]


class Calibration:
    """Rising raw scores at evenly spaced quantiles; immutable.

    Args:
        knots: the first is the least raw score of the traffic, the last the greatest.

    Raises:
        ArtifactError: for knots that are too few or too many, not finite, falling, or all equal.
    """

    __slots__ = ("_array", "_knots", "_last")

    def __init__(self, knots: Sequence[float] | Floats) -> None:
        array = np.array(knots, dtype=np.float64)
        _check(array)
        array.flags.writeable = False
        self._array = array
        self._knots: list[float] = array.tolist()
        self._last = len(self._knots) - 1

    @classmethod
    def of(cls, raws: Iterable[float] | Floats, knots: int = KNOTS) -> Self:
        """Calibrate on the raw scores of some traffic, in any order.

        Raises:
            ArtifactError: if there are none, one is not finite, or all are equal.
        """
        array = raws if isinstance(raws, np.ndarray) else np.fromiter(raws, dtype=np.float64)
        if array.size == 0:
            raise ArtifactError("expected raw scores to calibrate on, came none")
        _check_values(array)
        quantiles = np.quantile(array.astype(np.float64), np.linspace(0.0, 1.0, knots))
        # Rounding may set a knot below the one before it by the last bit.
        return cls(np.maximum.accumulate(quantiles))

    @classmethod
    def from_array(cls, array: Floats) -> Self:
        """Take the tensor of an artifact.

        Raises:
            ArtifactError: saying what is wrong with it.
        """
        if array.dtype != np.float64 or array.ndim != 1:
            raise ArtifactError(
                f"calibration: expected float64 in one dimension, "
                f"came {array.dtype} in {array.ndim}"
            )
        return cls(array)

    def to_array(self) -> Floats:
        """The knots as an artifact stores them; float64, read-only."""
        return self._array

    def percentile(self, raw: float) -> float:
        """The score of one raw score, 0..1: the share of the calibration traffic below it.

        Never raises: what is below all is 0, above all 1, and what is no number 0.5.
        """
        knots = self._knots
        above = bisect_right(knots, raw)
        if above == 0:
            return 0.0
        below = knots[above - 1]
        if below == raw:
            return (bisect_left(knots, raw) + above - 1) / (2 * self._last)
        if above > self._last:
            return 1.0 if raw > below else 0.5
        return (above - 1 + (raw - below) / (knots[above] - below)) / self._last

    def percentiles(self, raws: Floats) -> Floats:
        """`percentile` of each element; the same shape."""
        knots, last = self._array, self._last
        above = np.searchsorted(knots, raws, side="right")
        first = np.searchsorted(knots, raws, side="left")
        low, high = knots[np.maximum(above - 1, 0)], knots[np.minimum(above, last)]
        gap = np.where(high > low, high - low, 1.0)
        with np.errstate(invalid="ignore", over="ignore"):
            between = above - 1 + (raws - low) / gap
        between = np.where(above == 0, 0.0, np.where(above > last, last, between))
        places = np.where(first < above, (first + above - 1) / 2, between)
        return np.where(np.isnan(raws), 0.5, places / last)

    def raw(self, percentile: float) -> float:
        """The raw score at a percentile, 0..1: `percentile` turned round, exact but at ties."""
        place = min(max(percentile, 0.0), 1.0) * self._last
        index = min(int(place), self._last - 1)
        low, high = self._knots[index], self._knots[index + 1]
        return low + (high - low) * (place - index)

    def expected_shares(self, bins: int) -> tuple[float, ...]:
        """Shares of the calibration traffic by score, in `bins` of equal width; they add up to 1.

        Each is 1/bins, but where ties gather in one bin what would lie in its neighbours.
        """
        edges = [index / bins for index in range(bins + 1)]
        below = [self._share_below(edge) for edge in edges[:-1]] + [1.0]
        return tuple(high - low for low, high in pairwise(below))

    def _share_below(self, score: float) -> float:
        """The share of the calibration traffic whose score is less than `score`."""
        raw = self.raw(score)
        first, above = bisect_left(self._knots, raw), bisect_right(self._knots, raw)
        if above - first <= 1:
            return score
        middle = (first + above - 1) / 2
        return (first if score * self._last <= middle else above - 1) / self._last

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calibration) and self._knots == other._knots

    def __hash__(self) -> int:
        return hash(tuple(self._knots))

    def __repr__(self) -> str:
        return f"Calibration({len(self._knots)} knots, {self._knots[0]:g} to {self._knots[-1]:g})"


def _check(knots: Floats) -> None:
    if knots.ndim != 1 or not _LEAST_KNOTS <= knots.size <= _MOST_KNOTS:
        raise ArtifactError(
            f"calibration: expected {_LEAST_KNOTS} to {_MOST_KNOTS} knots, came {knots.size}"
        )
    _check_values(knots)
    if falls := np.flatnonzero(np.diff(knots) < 0).tolist():
        raise ArtifactError(f"calibration: expected rising knots, but knot {falls[0] + 1} falls")


def _check_values(values: Floats) -> None:
    faults = np.flatnonzero(~(np.abs(values) <= MOST_RAW)).tolist()
    if faults:
        raise ArtifactError(
            f"calibration: expected finite numbers up to {MOST_RAW:g}, "
            f"came {values.flat[faults[0]]} at index {faults[0]}"
        )
    if values.min() == values.max():
        raise ArtifactError(
            f"calibration: all raw scores are {values.flat[0]:g}; nothing tells hard from easy"
        )

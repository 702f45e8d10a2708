"""Scores of live traffic in, their distance from the calibration traffic out: the drift gauge.

A calibrated score is a percentile, so that live scores lie evenly from 0 to 1 for as long as the
traffic is like the one calibrated on. The population stability index (PSI) is the distance between
the two histograms: the sum over the bins of (live - expected) x ln(live / expected). Shifted or
not, `n` scores in `BINS` bins give (BINS - 1) / n by chance alone; the window is sized for that.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

BINS: Final = 20
"""Bins of equal width. Enough to see a new kind of prompt, few enough to fill soon."""

EVEN: Final = (1 / BINS,) * BINS
"""What a calibration without ties expects; else see `Calibration.expected_shares`."""

HALF_WINDOW: Final = 2000
"""The window holds the last 2,000 to 4,000 scores; chance gives them a PSI of 0.005 to 0.01."""

LEAST: Final = 500
"""Scores before anything is shown; chance gives so many 0.04, well below `STABLE`."""

STABLE: Final = 0.1
"""Below it the traffic is the one calibrated on, by the usual reading of a PSI."""

SHIFTED: Final = 0.25
"""Above it thresholds no longer send the shares that they promise: recalibrate."""

_EDGES = tuple(index / BINS for index in range(1, BINS))


def bin_of(score: float) -> int:
    """The bin of a score, 0 to BINS - 1."""
    return bisect_right(_EDGES, score)


def histogram(scores: Sequence[float]) -> list[int]:
    """How many of the scores lie in each bin."""
    counts = [0] * BINS
    for score in scores:
        counts[bin_of(score)] += 1
    return counts


def stability_index(counts: Sequence[int], expected: Sequence[float] = EVEN) -> float:
    """The PSI of a histogram, 0 and up.

    Both sides get half a score in each bin, so that an empty bin is finite, and a bin that is empty
    on both sides adds nothing.

    Args:
        counts: scores by bin.
        expected: share of each bin in the calibration traffic.
    """
    total = sum(counts)
    whole = total + len(counts) / 2
    index = 0.0
    for count, share in zip(counts, expected, strict=True):
        live, due = (count + 0.5) / whole, (share * total + 0.5) / whole
        index += (live - due) * math.log(live / due)
    return index


class ScoreDrift:
    """The PSI over the last scores. One thread observes; any thread may read.

    Two halves take turns, so that a score costs one addition and none has to be forgotten singly.

    Args:
        expected: share of each bin in the calibration traffic; None: there was no calibration, so
            there is nothing to compare with.
    """

    __slots__ = ("_counts", "_expected", "_left", "_older")

    def __init__(self, expected: Sequence[float] | None = EVEN) -> None:
        self._expected = expected
        self._older = [0] * BINS
        self._counts = [0] * BINS
        self._left = HALF_WINDOW

    def observe(self, score: float) -> None:
        """Take one score."""
        self._counts[bisect_right(_EDGES, score)] += 1
        self._left -= 1
        if not self._left:
            self._older = self._counts
            self._counts = [0] * BINS
            self._left = HALF_WINDOW

    def index(self) -> float | None:
        """The PSI of the window; None before `LEAST` scores are in it, or without calibration."""
        if self._expected is None:
            return None
        counts = [old + new for old, new in zip(self._older, self._counts, strict=True)]
        return stability_index(counts, self._expected) if sum(counts) >= LEAST else None

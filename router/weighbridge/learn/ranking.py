"""Ranked rows in, PGR, APGR and CPT out: the sums beneath `quality`, resample by resample.

Rows stand hardest first, in runs of equal scores. A run's gain grows evenly over its rows, which is
its expectation over a random order. `counts` says how often each row stands in each resample.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVELS: Final = (0.5, 0.8)
"""The x of CPT(x) that are reported."""

NO_GAP: Final = 1e-12
"""A mean gain up to here is rounding, not a gap."""

_CELLS: Final = 2_000_000
"""Rows times resamples that are worked on at once: 16 MB an array."""


class Ranking:
    """The order of one score, hardest first, and where each run of equal scores begins."""

    def __init__(self, score: Floats) -> None:
        self.order: Ints = np.argsort(-score, kind="stable")
        ordered = score[self.order]
        self.starts: Ints = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def sums(self, gain: Floats, counts: Floats) -> tuple[Floats, Floats]:
        """Rows and gain of each run, of shape (resamples, runs); `counts`: (resamples, rows)."""
        sent = counts[:, self.order]
        gained = sent * gain[self.order]
        if len(self.starts) == len(self.order):
            return sent, gained
        return (
            np.add.reduceat(sent, self.starts, axis=1),
            np.add.reduceat(gained, self.starts, axis=1),
        )


def summary(sent: Floats, gained: Floats) -> Floats:
    """APGR and the CPT of each level, of shape (resamples, 3); NaN where there is no gap."""
    return np.column_stack([apgr(sent, gained), *(cpt(sent, gained, x) for x in LEVELS)])


def apgr(sent: Floats, gained: Floats) -> Floats:
    """The area beneath PGR, by resample."""
    # A run's gain counts from the middle of the run on: the trapezoid below its straight line.
    rows = sent.sum(axis=1, keepdims=True)
    left = 1 - (np.cumsum(sent, axis=1) - sent / 2) / rows
    area: Floats = (gained * left).sum(axis=1)
    return area / _total(gained)


def cpt(sent: Floats, gained: Floats, level: float) -> Floats:
    """The smallest share at which PGR reaches `level`, by resample."""
    # A hair less, so that a sum's rounding does not pass over the run that reaches it exactly.
    aim = level * _total(gained) * (1 - NO_GAP)
    reached = np.cumsum(gained, axis=1)
    first = (reached >= aim[:, None]).argmax(axis=1)
    row = np.arange(len(first))
    step = gained[row, first]
    part = (aim - (reached[row, first] - step)) / np.where(step == 0, 1.0, step)
    ended = np.cumsum(sent, axis=1)
    begun = ended[row, first] - sent[row, first]
    share: Floats = (begun + np.clip(part, 0.0, 1.0) * sent[row, first]) / ended[:, -1]
    return share


def pgr(sent: Floats, gained: Floats, share: Floats) -> Floats:
    """PGR at each share, of shape (resamples, shares)."""
    ends = np.pad(np.cumsum(sent, axis=1), ((0, 0), (1, 0))) / sent.sum(axis=1, keepdims=True)
    part = np.pad(np.cumsum(gained, axis=1), ((0, 0), (1, 0))) / _total(gained)[:, None]
    return np.array([np.interp(share, x, y) for x, y in zip(ends, part, strict=True)])


def resampled_counts(rows: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each row stands in each resample, a chunk of resamples at a time."""
    rng = np.random.default_rng(seed)
    for size in chunk_sizes(rows, resamples):
        drawn = rng.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        counts = np.bincount(drawn.ravel(), minlength=size * rows)
        yield counts.reshape(size, rows).astype(np.float64)


def chunk_sizes(rows: int, draws: int) -> Iterator[int]:
    """Parts of `draws` that fit into memory together."""
    most = max(1, _CELLS // rows)
    while draws > 0:
        yield min(most, draws)
        draws -= most


def _total(gained: Floats) -> Floats:
    """The whole gain; NaN in resamples where the strong model is not better."""
    total: Floats = gained.sum(axis=1)
    return np.where(total > NO_GAP, total, np.nan)

"""How well a score ranks prompts by what the large model adds: PGR, APGR and CPT, with intervals.

In: one score per prompt, and what the weak and the strong model got on it. Prompts are sent to the
strong model in the order of the score, hardest first; c is the share that was sent. Equal scores
count as their expectation over a random order, so a constant score is exactly random: .500.

PGR(c) is the share of the gap between the two models that is recovered at c, APGR its integral over
c from 0 to 1, and CPT(x) the smallest c at which PGR reaches x.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.learn import ranking
from weighbridge.learn.ranking import NO_GAP, Floats, Ranking, chunk_sizes, resampled_counts

RESAMPLES: Final = 2000
SEED: Final = 20_240_611

_TAILS: Final = (2.5, 97.5)
_MOST_UNDEFINED: Final = 0.025
"""Past this share of resamples without a gap an interval would be made of the lucky ones alone."""


class NoGapError(ValueError):
    """The strong model is not better than the weak one on these rows, so no share of it exists."""


class Interval(msgspec.Struct, frozen=True):
    """A value with its 95 % interval; NaN (null in JSON) where it is not defined.

    Attributes:
        value: on the rows as they are.
        low: 2.5th percentile.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float

    def rounded(self, digits: int = 3) -> "Interval":
        """For people; never a zero with a minus sign."""
        return Interval(*(round(end, digits) + 0.0 for end in (self.value, self.low, self.high)))


class Quality(msgspec.Struct, frozen=True):
    """How good one score is on one set of rows; each field as in the module's first lines."""

    apgr: Interval
    cpt50: Interval
    cpt80: Interval


class Outcomes(msgspec.Struct, frozen=True, eq=False):
    """What the two models got, row by row.

    Attributes:
        weak: of the weak (small) model, any scale that is the same for both.
        strong: of the strong (large) model.
    """

    weak: Floats
    strong: Floats

    @classmethod
    def of(cls, weak: npt.ArrayLike, strong: npt.ArrayLike) -> "Outcomes":
        """Check and convert.

        Raises:
            ValueError: for lengths that differ, fewer than two rows, or values that are no number.
            NoGapError: if the strong model is not better on average.
        """
        outcomes = cls(_column(weak, "weak"), _column(strong, "strong"))
        _same_length(outcomes.weak, outcomes.strong, "weak and strong")
        if outcomes.gap <= NO_GAP:
            raise NoGapError(
                f"expected the strong model to be better on average, but it got "
                f"{outcomes.strong.mean():.4f} and the weak one {outcomes.weak.mean():.4f}: there "
                "is no gap to recover, and nothing to gain from routing these rows"
            )
        return outcomes

    @property
    def gain(self) -> Floats:
        """Strong minus weak, by row."""
        return self.strong - self.weak

    @property
    def gap(self) -> float:
        """The mean gain."""
        return float(self.gain.mean())


class Curve(msgspec.Struct, frozen=True):
    """The expected cost-quality curve at shares 0..1 of prompts sent to the strong model.

    Attributes:
        share: c.
        quality: mean score of the answers, Q(c).
        pgr: share of the gap recovered, PGR(c).
        low: of the 95 % band of `pgr`; empty where none was asked for.
        high: likewise.
    """

    share: list[float]
    quality: list[float]
    pgr: list[float]
    low: list[float] = []
    high: list[float] = []


class Samples(msgspec.Struct, frozen=True, eq=False):
    """APGR and the CPTs of one score on the rows and on each resample of them.

    Attributes:
        value: APGR, CPT50, CPT80 on the rows.
        drawn: the same per resample, of shape (resamples, 3); NaN where a resample has no gap.
    """

    value: Floats
    drawn: Floats

    def quality(self) -> Quality:
        """With percentile intervals."""
        columns = zip(self.value, self.drawn.T, strict=True)
        return Quality(*(_interval(float(value), drawn) for value, drawn in columns))


def curve(score: npt.ArrayLike, outcomes: Outcomes, points: int = 101) -> Curve:
    """The cost-quality curve at `points` evenly spaced shares."""
    share = np.linspace(0.0, 1.0, points)
    sums = _ranking(score, outcomes).sums(outcomes.gain, _rows_once(outcomes))
    pgr = ranking.pgr(*sums, share)[0]
    quality = outcomes.weak.mean() + pgr * outcomes.gap
    return Curve(share.tolist(), quality.tolist(), pgr.tolist())


def banded_curve(
    score: npt.ArrayLike, outcomes: Outcomes, points: int = 101, resamples: int = 400
) -> Curve:
    """The same with a pointwise 95 % band: row bootstrap, fewer draws than a figure needs."""
    plain = curve(score, outcomes, points)
    order, share = _ranking(score, outcomes), np.asarray(plain.share)
    chunks = resampled_counts(len(outcomes.gain), resamples, SEED)
    pieces = [ranking.pgr(*order.sums(outcomes.gain, counts), share) for counts in chunks]
    drawn = np.concatenate(pieces)
    if float(np.isnan(drawn[:, -1]).mean()) > _MOST_UNDEFINED:
        return plain
    low, high = np.nanpercentile(drawn, _TAILS, axis=0)
    return msgspec.structs.replace(plain, low=low.tolist(), high=high.tolist())


def apgr(score: npt.ArrayLike, outcomes: Outcomes) -> float:
    """The integral of PGR over the share that is sent to the strong model."""
    return float(_rows_as_they_are(score, outcomes)[0])


def cpt(score: npt.ArrayLike, outcomes: Outcomes, level: float) -> float:
    """The smallest share at which PGR reaches `level`, above 0 and up to 1."""
    if not 0 < level <= 1:
        raise ValueError(f"expected a level above 0 and up to 1, came {level}")
    sums = _ranking(score, outcomes).sums(outcomes.gain, _rows_once(outcomes))
    return float(ranking.cpt(*sums, level)[0])


def resample(
    scores: Mapping[str, npt.ArrayLike],
    outcomes: Outcomes,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Samples]:
    """Measure all scores on the same bootstrap resamples of the rows, so that they can be paired.

    Args:
        scores: name to one score per row.
        outcomes: of the same rows.
        resamples: how many.
        seed: the same seed and rows give the same intervals.
    """
    orders = {name: _ranking(score, outcomes) for name, score in scores.items()}
    drawn: dict[str, list[Floats]] = {name: [] for name in scores}
    for counts in resampled_counts(len(outcomes.gain), resamples, seed):
        for name, order in orders.items():
            drawn[name].append(ranking.summary(*order.sums(outcomes.gain, counts)))
    return {
        name: Samples(_rows_as_they_are(scores[name], outcomes), np.concatenate(drawn[name]))
        for name in scores
    }


def difference(one: Samples, other: Samples) -> Interval:
    """APGR of one score minus that of another, paired resample by resample."""
    drawn = one.drawn[:, 0] - other.drawn[:, 0]
    return _interval(float(one.value[0] - other.value[0]), drawn)


def random_quality(outcomes: Outcomes, draws: int = RESAMPLES, seed: int = SEED) -> Quality:
    """What a random score gets: its expectation, and the range of 95 % of random orders.

    The range says what luck alone can do on these very rows; it is no bootstrap of the rows.
    """
    rng, gain = np.random.default_rng(seed), outcomes.gain
    drawn = []
    for size in chunk_sizes(len(gain), draws):
        shuffled = rng.permuted(np.broadcast_to(gain, (size, len(gain))), axis=1)
        drawn.append(ranking.summary(np.ones_like(shuffled), shuffled))
    expected = _rows_as_they_are(np.zeros(len(gain)), outcomes)
    return Samples(expected, np.concatenate(drawn)).quality()


def wilson(hits: int, of: int) -> Interval:
    """A share with its 95 % Wilson interval; NaN throughout where nothing was counted."""
    if not of:
        return Interval(np.nan, np.nan, np.nan)
    z = 1.959964
    share, slack = hits / of, z * z / of
    middle = (share + slack / 2) / (1 + slack)
    half = z * np.sqrt(share * (1 - share) / of + slack / (4 * of)) / (1 + slack)
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def separation(lower: Sequence[float], higher: Sequence[float]) -> float:
    """How often a value of `higher` exceeds one of `lower`, ties half: the area under the ROC."""
    if not (len(lower) and len(higher)):
        return float("nan")
    below = np.sort(np.asarray(lower, dtype=np.float64))
    left = np.searchsorted(below, higher, "left")
    right = np.searchsorted(below, higher, "right")
    return float((left + right).mean() / 2 / len(below))


def length_scores(prompts: Sequence[str]) -> Floats:
    """The baseline that every score must beat: characters of the prompt."""
    return np.array([len(prompt) for prompt in prompts], dtype=np.float64)


def _column(values: npt.ArrayLike, name: str) -> Floats:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1 or len(column) < 2:  # noqa: PLR2004 - a rank needs something to outrank
        raise ValueError(f"{name}: expected at least two rows, came an array of {column.shape}")
    if faulty := int((~np.isfinite(column)).sum()):
        raise ValueError(
            f"{name}: expected finite numbers, came {faulty} of {len(column)} NaN or infinite"
        )
    return column


def _same_length(one: Floats, other: Floats, names: str) -> None:
    if len(one) != len(other):
        raise ValueError(f"{names}: expected as many rows, came {len(one)} and {len(other)}")


def _ranking(score: npt.ArrayLike, outcomes: Outcomes) -> Ranking:
    column = _column(score, "score")
    _same_length(column, outcomes.weak, "score and outcomes")
    return Ranking(column)


def _rows_as_they_are(score: npt.ArrayLike, outcomes: Outcomes) -> Floats:
    sums = _ranking(score, outcomes).sums(outcomes.gain, _rows_once(outcomes))
    measured: Floats = ranking.summary(*sums)[0]
    return measured


def _rows_once(outcomes: Outcomes) -> Floats:
    return np.ones((1, len(outcomes.gain)))


def _interval(value: float, drawn: Floats) -> Interval:
    undefined = np.isnan(drawn)
    if not len(drawn) or undefined.mean() > _MOST_UNDEFINED:
        return Interval(value, np.nan, np.nan)
    low, high = np.percentile(drawn[~undefined], _TAILS)
    return Interval(value, float(low), float(high))

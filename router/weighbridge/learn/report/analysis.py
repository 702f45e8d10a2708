"""Scores and outcomes of one set of rows in, every number that a report shows of it out. Pure.

One score is the subject; the others (length, the artifact in use, a peer) stand beside it and are
compared with it resample by resample.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from weighbridge.learn import quality
from weighbridge.learn.quality import Curve, Interval, NoGapError, Outcomes, Quality
from weighbridge.learn.ranking import Floats

FEW_ROWS: Final = 100
"""Below this many rows the interval of one task is wider than any difference worth having."""

_TASK_RESAMPLES: Final = 500
_BINS: Final = 20
_GROUPS: Final = 10
_THRESHOLDS: Final = tuple(step / 20 for step in range(1, 20))
_SIGMAS: Final = 1.959964


class Measured(msgspec.Struct, frozen=True):
    """One score on the rows.

    Attributes:
        name: as the report prints it.
        quality: APGR and CPTs.
        curve: cost against quality.
        lead: APGR of the subject minus this one's, paired; None for the subject itself.
        p50_us: median time to score one prompt, microseconds; None where it was not timed.
        p99_us: 99th percentile of the same.
    """

    name: str
    quality: Quality
    curve: Curve
    lead: Interval | None = None
    p50_us: float | None = None
    p99_us: float | None = None


class TaskRow(msgspec.Struct, frozen=True):
    """The subject on the rows of one task.

    Attributes:
        task: its name.
        rows: how many.
        gap: strong minus weak, mean.
        mean_score: of the subject.
        apgr: of the subject; None where the strong model is not better here.
        others: APGR of the other scores by name; empty likewise.
        few: too few rows to rank anything by.
    """

    task: str
    rows: int
    gap: float
    mean_score: float
    apgr: Interval | None
    others: dict[str, float]
    few: bool


class SharePoint(msgspec.Struct, frozen=True):
    """What a threshold does to these rows: share sent to large, and quality of the answers."""

    threshold: float
    share: float
    quality: float


class Group(msgspec.Struct, frozen=True):
    """A tenth of the rows by the subject's score, the easiest first.

    Attributes:
        low: lowest score in it.
        high: highest score.
        rows: how many.
        gain: mean of strong minus weak.
        needed: share of rows on which the strong model did better.
    """

    low: float
    high: float
    rows: int
    gain: Interval
    needed: Interval


class Analysis(msgspec.Struct, frozen=True):
    """All that is known of one set of rows.

    Attributes:
        name: of the set.
        rows: how many.
        small: the weak model's name.
        large: the strong model's name.
        small_quality: mean score of the weak model.
        large_quality: mean score of the strong model.
        fault: why nothing could be measured; "" if it was.
        scores: the subject first.
        random: what a random order gets, and its range by luck.
        tasks: one row per task, the largest first.
        histogram: rows by the subject's score in 20 equal bins from 0 to 1.
        thresholds: what each threshold would do.
        groups: tenths of the rows by the subject's score.
    """

    name: str
    rows: int
    small: str
    large: str
    small_quality: float
    large_quality: float
    fault: str = ""
    scores: list[Measured] = []
    random: Quality | None = None
    tasks: list[TaskRow] = []
    histogram: list[int] = []
    thresholds: list[SharePoint] = []
    groups: list[Group] = []

    @property
    def subject(self) -> Measured:
        """The score that the report is about."""
        return self.scores[0]

    def named(self, name: str) -> Measured | None:
        """One of the scores, if it is there."""
        return next((score for score in self.scores if score.name == name), None)


class LearningPoint(msgspec.Struct, frozen=True):
    """Cross-validated quality after fitting to so many labels."""

    labels: int
    apgr: Interval


class Rows(msgspec.Struct, frozen=True, eq=False):
    """What is to be analysed.

    Attributes:
        name: of the set.
        scores: name to one score per row; the first is the subject, its scores from 0 to 1.
        weak: scores of the small model.
        strong: scores of the large model.
        small: the small model's name.
        large: the large model's name.
        tasks: name of each row's task; empty if there are none.
        seconds: score name to the time each row took.
    """

    name: str
    scores: Mapping[str, Floats]
    weak: Floats
    strong: Floats
    small: str = "small"
    large: str = "large"
    tasks: Sequence[str] = ()
    seconds: Mapping[str, Floats] = {}


def analyse(rows: Rows) -> Analysis:
    """Measure one set.

    Raises:
        ValueError: for scores that are no numbers, or columns of different lengths.
    """
    weak, strong = np.asarray(rows.weak, np.float64), np.asarray(rows.strong, np.float64)
    plain = Analysis(
        rows.name,
        len(weak),
        rows.small,
        rows.large,
        float(weak.mean()) if len(weak) else float("nan"),
        float(strong.mean()) if len(strong) else float("nan"),
    )
    try:
        outcomes = Outcomes.of(weak, strong)
    except NoGapError as error:
        return msgspec.structs.replace(plain, fault=str(error))
    subject = np.asarray(next(iter(rows.scores.values())), np.float64)
    return msgspec.structs.replace(
        plain,
        scores=list(_measured(rows, outcomes)),
        random=quality.random_quality(outcomes),
        tasks=sorted(_task_rows(rows), key=lambda row: (-row.rows, row.task)),
        histogram=np.histogram(subject, bins=_BINS, range=(0, 1))[0].tolist(),
        thresholds=[_share_point(subject, outcomes, at) for at in _THRESHOLDS],
        groups=list(_groups(subject, outcomes)),
    )


def _measured(rows: Rows, outcomes: Outcomes) -> Iterator[Measured]:
    samples = quality.resample(rows.scores, outcomes)
    first = next(iter(samples))
    for name, sample in samples.items():
        seconds = rows.seconds.get(name)
        p50, p99 = (None, None) if seconds is None else np.percentile(seconds, (50, 99)) * 1e6
        yield Measured(
            name=name,
            quality=sample.quality(),
            curve=quality.banded_curve(rows.scores[name], outcomes),
            lead=None if name == first else quality.difference(samples[first], sample),
            p50_us=None if p50 is None else float(p50),
            p99_us=None if p99 is None else float(p99),
        )


def _task_rows(rows: Rows) -> Iterator[TaskRow]:
    tasks = np.asarray(rows.tasks)
    for task in np.unique(tasks) if len(tasks) else ():
        yield _task_row(rows, str(task), tasks == task)


def _task_row(rows: Rows, task: str, here: np.ndarray) -> TaskRow:
    names = list(rows.scores)
    weak, strong = np.asarray(rows.weak)[here], np.asarray(rows.strong)[here]
    scores = {name: np.asarray(score)[here] for name, score in rows.scores.items()}
    row = TaskRow(
        task=task,
        rows=len(weak),
        gap=float((strong - weak).mean()),
        mean_score=float(scores[names[0]].mean()),
        apgr=None,
        others={},
        few=len(weak) < FEW_ROWS,
    )
    try:
        outcomes = Outcomes.of(weak, strong)
    except ValueError:  # no gap, or one row
        return row
    subject = {names[0]: scores[names[0]]}
    samples = quality.resample(subject, outcomes, resamples=_TASK_RESAMPLES)[names[0]]
    others = {name: quality.apgr(scores[name], outcomes) for name in names[1:]}
    return msgspec.structs.replace(row, apgr=samples.quality().apgr, others=others)


def _share_point(score: Floats, outcomes: Outcomes, threshold: float) -> SharePoint:
    large = score >= threshold
    answers = np.where(large, outcomes.strong, outcomes.weak)
    return SharePoint(threshold, float(large.mean()), float(answers.mean()))


def _groups(score: Floats, outcomes: Outcomes) -> Iterator[Group]:
    order = np.argsort(score, kind="stable")
    for part in np.array_split(order, min(_GROUPS, len(order))):
        gain = outcomes.gain[part]
        yield Group(
            low=float(score[part[0]]),
            high=float(score[part[-1]]),
            rows=len(part),
            gain=_mean(gain),
            needed=quality.wilson(int((gain > 0).sum()), len(part)),
        )


def _mean(values: Floats) -> Interval:
    middle = float(values.mean())
    if len(values) == 1:
        return Interval(middle, float("nan"), float("nan"))
    half = _SIGMAS * float(values.std(ddof=1)) / len(values) ** 0.5
    return Interval(middle, middle - half, middle + half)

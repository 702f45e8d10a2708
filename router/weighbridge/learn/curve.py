"""How quality grew with the number of labels, and what more of them would buy."""

from typing import Final

import msgspec
import numpy as np

from weighbridge.kernel import Doubles, Floats
from weighbridge.learn.fitting import Space, fit_machine, random_folds
from weighbridge.learn.quality import Interval, Outcomes, apgr, resample
from weighbridge.learn.report.analysis import LearningPoint

SHARES: Final = (0.25, 0.5, 0.75, 1.0)
FOLDS: Final = 5
MORE: Final = 1000
_RESAMPLES: Final = 500


class LearningCurve(msgspec.Struct, frozen=True):
    """Points of the curve, and the line ``ceiling - loss / sqrt(labels)`` through them.

    Attributes:
        points: APGR out of fold by the number of labels that each fit had.
        ceiling: where the line ends.
        loss: how far below it one label stands.
    """

    points: list[LearningPoint]
    ceiling: float
    loss: float

    def at(self, labels: int) -> float:
        """APGR that so many labels are expected to give."""
        return self.ceiling - self.loss / float(np.sqrt(labels))

    @property
    def bought(self) -> float:
        """APGR that `MORE` labels would add; never less than nothing."""
        now = self.points[-1].labels
        return max(0.0, self.at(now + MORE) - self.at(now))


def learning_curve(
    space: Space, rows: Floats, targets: Doubles, ridge: float, outcomes: Outcomes, seed: int
) -> LearningCurve:
    """Fit to growing parts of the labels; each prompt is predicted by a fit without it.

    Args:
        space: from `fitting.make_space`.
        rows: prompts x features.
        targets: prompts x heads; the first is judged.
        ridge: as chosen for all labels; fewer get the same share of it.
        outcomes: what the pair got.
        seed: of the parts and folds.
    """
    folds = random_folds(len(rows), FOLDS, seed)
    order = np.random.default_rng(seed).permutation(len(rows))
    points = []
    for share in SHARES:
        raws = np.zeros(len(rows))
        used = 0
        for fold in range(FOLDS):
            known = order[folds[order] != fold]
            part = known[: max(2, round(share * len(known)))]
            used = max(used, len(part))
            machine = fit_machine(space, rows[part], targets[part], ridge * share)
            out = folds == fold
            raws[out] = machine.heads_of_all(rows[out])[:, 0]
        spread = resample({"fit": raws}, outcomes, resamples=_RESAMPLES)["fit"].quality().apgr
        points.append(LearningPoint(used, Interval(apgr(raws, outcomes), spread.low, spread.high)))
    return LearningCurve(points, *_line(points))


def _line(points: list[LearningPoint]) -> tuple[float, float]:
    """Least squares; a loss below nothing is none."""
    inverse = np.array([1 / np.sqrt(point.labels) for point in points])
    heights = np.array([point.apgr.value for point in points])
    slope, ceiling = np.polyfit(inverse, heights, 1)
    if slope >= 0:
        return float(heights[-1]), 0.0
    return float(ceiling), float(-slope)

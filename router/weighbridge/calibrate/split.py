"""Traffic, a calibration and prices in; the share and the cost of every threshold out. Pure."""

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.calibrate.traffic import Traffic
from weighbridge.calibration import Calibration, Floats
from weighbridge.catalog import Model
from weighbridge.settings import Settings

THRESHOLDS: Final[Floats] = np.arange(1001) / 1000
"""The thresholds among which one is chosen: the header shows a score with three decimals."""


class Pair(msgspec.Struct, frozen=True):
    """The models whose prices count, and how long their answers are taken to be.

    Attributes:
        small: serves the easy tier.
        large: serves the hard tier.
        answer_tokens: of each answer.
        bytes_per_token: turns the size of a body into tokens.
    """

    small: Model
    large: Model
    answer_tokens: int
    bytes_per_token: float

    def dollars(self, body_bytes: Floats) -> tuple[Floats, Floats]:
        """What each request would cost at the small and at the large model."""
        tokens = body_bytes / self.bytes_per_token
        small, large = (self._dollars(model, tokens) for model in (self.small, self.large))
        return small, large

    def _dollars(self, model: Model, tokens: Floats) -> Floats:
        # A body with an image in base64 has more bytes than the model will ever see tokens.
        prices = model.prices
        spent = np.minimum(tokens, model.context_window) * prices.input_per_million
        return (spent + self.answer_tokens * prices.output_per_million) / 1e6


class Split:
    """What each threshold does to some traffic under one calibration.

    A request goes to the hard tier if its own score, or with `policy.sticky` that of an earlier
    ask, is at the threshold or above. Guards and preferences stay as they were logged.

    Args:
        traffic: weighed requests.
        served: the calibration that made their `earlier`.
        calibration: the one whose thresholds are asked for.
        settings: of the router.
        pair: prices.
    """

    def __init__(
        self,
        traffic: Traffic,
        served: Calibration,
        calibration: Calibration,
        settings: Settings,
        pair: Pair,
    ) -> None:
        scores = _hardness(traffic, served, calibration, sticky=settings.policy.sticky)
        small, large = pair.dollars(traffic.body_bytes)
        hard = settings.policy.hard_tier
        # What no threshold changes gets a score that is above or below them all.
        fixed = {"": 0.0, hard: np.inf}
        scores = scores + np.array([fixed.get(tier, -np.inf) for tier in traffic.fixed])
        order = np.argsort(scores)
        self._scores = scores[order]
        self._saved = np.concatenate([[0.0], np.cumsum((large - small)[order])])
        self.all_large = float(large.mean())
        self.all_small = float(small.mean())

    def shares(self, thresholds: Floats) -> Floats:
        """The share, 0..1, that goes to the hard tier at each threshold."""
        shares: Floats = 1 - self._below(thresholds) / self._scores.size
        return shares

    def dollars(self, thresholds: Floats) -> Floats:
        """What a request costs in the mean at each threshold."""
        saved = self._saved[self._below(thresholds)]
        dollars: Floats = self.all_large - saved / self._scores.size
        return dollars

    def threshold_for_share(self, share: float) -> float:
        """The threshold whose share is nearest to the wanted one; of several the highest."""
        distance = np.abs(self.shares(THRESHOLDS) - share)
        return float(THRESHOLDS[np.flatnonzero(distance <= distance.min() + 1e-12)[-1]])

    def threshold_for_dollars(self, dollars: float) -> float | None:
        """The lowest threshold at which a request costs no more in the mean; None if none does."""
        affordable = np.flatnonzero(self.dollars(THRESHOLDS) <= dollars * (1 + 1e-9))
        return float(THRESHOLDS[affordable[0]]) if affordable.size else None

    def _below(self, thresholds: Floats) -> npt.NDArray[np.intp]:
        return np.searchsorted(self._scores, thresholds, side="left")


def _hardness(
    traffic: Traffic, served: Calibration, calibration: Calibration, *, sticky: bool
) -> Floats:
    """The scores that the threshold is held against."""
    scores = calibration.percentiles(traffic.raws)
    if not sticky:
        return scores
    earlier = traffic.earlier
    if calibration != served:
        raws = np.array([served.raw(score) for score in earlier.tolist()])
        earlier = np.where(earlier > 0, calibration.percentiles(raws), 0.0)
    return np.maximum(scores, earlier)

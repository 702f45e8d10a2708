"""Scores of prompts and of two models in, what each threshold would cost and yield out.

Pure arithmetic: where the scores are from, and what a page says of them, is `threshold`'s matter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from weighbridge.catalog import Prices
from weighbridge.learn.ranking import Floats

STEPS: Final = 20
"""Thresholds are looked at from 0 to 1 in so many steps."""
ALL_SMALL: Final = 1.01
"""Above every score: nothing goes to large."""
BYTES_PER_TOKEN: Final = 4
"""English prose, roughly; recorded scores come without counts of tokens."""


@dataclass(frozen=True)
class Judged:
    """Prompts with what is known of each.

    Attributes:
        scores: how hard the router takes it for, 0 to 1.
        small: what the small model's answer was worth, 0 to 1.
        large: likewise.
        prompt_tokens: tokens of it.
        answer_tokens: tokens of each answer, the same for all.
    """

    scores: Floats
    small: Floats
    large: Floats
    prompt_tokens: Floats
    answer_tokens: float

    @property
    def tokens(self) -> float:
        """Of all prompts and answers."""
        return float(self.prompt_tokens.sum()) + self.answer_tokens * len(self.scores)


@dataclass(frozen=True)
class Point:
    """What a threshold does.

    Attributes:
        threshold: scores from here up go to large.
        share: of prompts that do.
        quality: mean worth of the answers.
        margin: half of the 95 % interval of `quality`.
        random: what the same share gives if drawn by lot.
        per_thousand: dollars for a thousand requests.
        per_million: dollars for a million tokens.
    """

    threshold: float
    share: float
    quality: float
    margin: float
    random: float
    per_thousand: float
    per_million: float


def curve(judged: Judged, small: Prices, large: Prices) -> list[Point]:
    """From all to large up to all to small."""
    steps = [step / STEPS for step in range(STEPS + 1)]
    return [point(judged, at, small, large) for at in (*steps, ALL_SMALL)]


def point(judged: Judged, threshold: float, small: Prices, large: Prices) -> Point:
    """One threshold."""
    goes = judged.scores >= threshold
    worth = np.where(goes, judged.large, judged.small)
    dollars = float(np.where(goes, _dollars(judged, large), _dollars(judged, small)).sum())
    share = float(goes.mean())
    gap = float(judged.large.mean() - judged.small.mean())
    return Point(
        threshold=threshold,
        share=share,
        quality=float(worth.mean()),
        margin=1.96 * float(worth.std()) / math.sqrt(len(worth)),
        random=float(judged.small.mean()) + share * gap,
        per_thousand=dollars / len(worth) * 1000,
        per_million=dollars / judged.tokens * 1e6,
    )


def knee(points: Sequence[Point]) -> Point | None:
    """Where most more of the gap is won than of the extra cost is spent; None: it never is."""
    dearest, cheapest = points[0], points[-1]
    gap = dearest.quality - cheapest.quality
    extra = dearest.per_thousand - cheapest.per_thousand
    if gap <= 0 or extra <= 0:
        return None

    def lead(one: Point) -> float:
        won = (one.quality - cheapest.quality) / gap
        return won - (one.per_thousand - cheapest.per_thousand) / extra

    best = max(points, key=lead)
    return best if lead(best) > 0 else None


def _dollars(judged: Judged, prices: Prices) -> Floats:
    """Of each request."""
    asked = judged.prompt_tokens * prices.input_per_million
    answered = judged.answer_tokens * prices.output_per_million
    dollars: Floats = (asked + answered) / 1e6
    return dollars

"""`threshold`: what each threshold costs and yields on recorded scores of public prompts.

This reports, and sets nothing: a threshold is chosen on traffic of one's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from weighbridge.catalog import TIER_MODELS, Prices, load_catalog
from weighbridge.generation import Generation
from weighbridge.learn.report.drawing import panels, percent
from weighbridge.scoring import Weighed
from weighbridge_training.evaluation import weigh_texts
from weighbridge_training.public import PUBLIC, PublicSet, read_public

from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.page import Plot, table, write
from weighbridge_experiments.progress import Step
from weighbridge_experiments.thresholds import (
    ALL_SMALL,
    BYTES_PER_TOKEN,
    Judged,
    Point,
    curve,
    knee,
    point,
)
from weighbridge_experiments.traffic import LENGTHS

SHOWN: Final = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, ALL_SMALL)
"""Thresholds that the tables have."""


@dataclass(frozen=True)
class Found:
    """One set.

    Attributes:
        name: of the set.
        rows: prompts in it.
        small: name of the recorded small model.
        large: likewise.
        points: from all to large up to all to small.
        default: what the shipped threshold does.
        shown: the rows of its table.
    """

    name: str
    rows: int
    small: str
    large: str
    points: Sequence[Point]
    default: Point
    shown: Sequence[Point]


def run(folder: Path, data: Path | None, command: str, step: Step) -> list[Path]:
    """Weigh all prompts of the public sets and write the page; returns what was written.

    Raises:
        ExperimentError: if it is not said where the data is.
        RecordError: if the data can't be read.
    """
    if data is None:
        raise ExperimentError(
            "expected the folder of recorded scores, came none: --data FOLDER "
            "(or DATA=FOLDER for make), the one that `make evaluate` takes; docs/quality.md"
        )
    generation = Generation.load(None)
    prices = _prices()
    found = [_measure(generation, data, which, prices, step) for which in PUBLIC]
    small, large = TIER_MODELS["small"], TIER_MODELS["large"]
    values = {
        "command": command,
        "artifact": generation.artifact_digest,
        "threshold": f"{generation.settings.policy.threshold:g}",
        "small": f"{small} (${prices[0].input_per_million:.2f} a million tokens)",
        "large": f"{large} (${prices[1].input_per_million:.2f})",
        "answer": f"{LENGTHS.answer:g}",
        "summary": _summary(found),
        "sets": "\n\n".join(_section(each) for each in found),
    }
    plot = Plot("curves", lambda figure: _paint(figure, found), height=6.0)
    return write(folder, "threshold", values, [plot])


def _prices() -> tuple[Prices, Prices]:
    catalog = load_catalog()
    return catalog[TIER_MODELS["small"]].prices, catalog[TIER_MODELS["large"]].prices


def _measure(
    generation: Generation,
    data: Path,
    which: PublicSet,
    prices: tuple[Prices, Prices],
    step: Step,
) -> Found:
    paired = read_public(data, which)
    told = step(f"{which.name}, {len(paired.rows):,} prompts")
    weighed = []
    for start in range(0, len(paired.prompts), 500):
        some = paired.prompts[start : start + 500]
        weighed += weigh_texts(generation, some, lambda: None)
        told(len(weighed) / len(paired.prompts))
    sizes = [len(text.encode()) / BYTES_PER_TOKEN for text in paired.prompts]
    judged = Judged(
        scores=np.array([_score(one, generation) for one in weighed]),
        small=paired.weak / which.most,
        large=paired.strong / which.most,
        prompt_tokens=np.array(sizes),
        answer_tokens=LENGTHS.answer,
    )
    return Found(
        name=which.name,
        rows=len(paired.rows),
        small=paired.small.rpartition("/")[2],
        large=paired.large.rpartition("/")[2],
        points=curve(judged, *prices),
        default=point(judged, generation.settings.policy.threshold, *prices),
        shown=[point(judged, at, *prices) for at in SHOWN],
    )


def _score(weighed: Weighed, generation: Generation) -> float:
    """As the policy compares it; what was decided without one goes where it goes."""
    decision = weighed.decision
    if decision.score is not None:
        return decision.score
    return float(decision.tier == generation.settings.policy.hard_tier)


def _summary(found: Sequence[Found]) -> str:
    rows = []
    for each in found:
        dearest, cheapest, bend = each.points[0], each.points[-1], knee(each.points)
        rows.append(
            [
                each.name,
                f"{each.rows:,}",
                f"{cheapest.quality:.3f}",
                f"{dearest.quality:.3f}",
                f"{each.default.quality:.3f}",
                f"{each.default.share:.0%}",
                f"{1 - each.default.per_thousand / dearest.per_thousand:.0%}",
                _threshold(bend.threshold) if bend else "none",
            ]
        )
    head = "set|prompts|all small|all large|shipped threshold|to large|cheaper than all large|knee"
    return table(head.split("|"), rows)


def _section(found: Found) -> str:
    head = "threshold|to large|quality|by lot|dollars for 1,000 requests|dollars for 1M tokens"
    rows = [
        [
            _threshold(each.threshold),
            f"{each.share:.0%}",
            f"{each.quality:.3f} ± {each.margin:.3f}",
            f"{each.random:.3f}",
            f"{each.per_thousand:.3f}",
            f"{each.per_million:.3f}",
        ]
        for each in found.shown
    ]
    title = (
        f"### {found.name}\n\nRecorded: {found.small} and {found.large}, {found.rows:,} prompts."
    )
    return f"{title}\n\n{table(head.split('|'), rows)}"


def _threshold(value: float) -> str:
    return "all small" if value >= ALL_SMALL else f"{value:.2f}"


def _paint(figure: Figure, found: Sequence[Found]) -> None:
    for axes, each in zip(panels(figure, len(found), 2), found, strict=True):
        costs = [one.per_thousand for one in each.points]
        qualities = [one.quality for one in each.points]
        axes.plot(costs, qualities, marker=".", label="by the score")
        axes.plot((costs[0], costs[-1]), (qualities[0], qualities[-1]), ls=":", label="by lot")
        shipped = each.default
        axes.plot(shipped.per_thousand, shipped.quality, "o", color="C1", label="shipped threshold")
        if bend := knee(each.points):
            axes.plot(bend.per_thousand, bend.quality, "D", color="C2", label="knee")
        axes.set_title(each.name)
        axes.set_xlabel("dollars for 1,000 requests")
        percent(axes, "y")
        axes.legend(fontsize=7, loc="lower right")

"""Several analyses in, figures out that set them beside each other, a panel a set."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weighbridge.learn.report.analysis import Analysis, Measured
from weighbridge.learn.report.drawing import (
    COLOURS,
    INK,
    MARKERS,
    MUTED,
    draw,
    key,
    line,
    note,
    panels,
    percent,
    pillar,
)
from weighbridge.learn.report.page import Markup

_COLUMNS: Final = 2
_PALE: Final = "#9ecae1"
_FREE_US: Final = 1.0
"""Below so many microseconds a score costs nothing beside the request that it rides on."""


def histograms(name: str, analyses: Sequence[Analysis], threshold: float) -> Markup:
    """Where the scores of each set lie, and the share above the threshold."""

    def paint(figure: Figure) -> None:
        for axes, analysis in zip(_grid(figure, analyses), analyses, strict=True):
            counts = np.asarray(analysis.histogram, dtype=np.float64)
            edges = np.linspace(0, 1, len(counts) + 1)
            share = counts / max(1.0, counts.sum())
            above = edges[:-1] >= threshold - 1e-9
            colours = [COLOURS[0] if large else _PALE for large in above]
            axes.bar(edges[:-1], share, width=np.diff(edges) * 0.92, align="edge", color=colours)
            axes.axvline(threshold, color=INK, linewidth=1)
            sent = float(share[above].sum())
            note(
                axes,
                (threshold + 0.01, 0.97),
                f"{sent:.0%} large →",
                transform=axes.get_xaxis_transform(),
                va="top",
            )
            axes.set(xlim=(0, 1), title=analysis.name)
            percent(axes, "y")

    return draw(name, "Histograms of the score", paint, height=_height(analyses))


def calibration(name: str, analyses: Sequence[Analysis]) -> Markup:
    """The share at or above each threshold t, beside the 1 - t that a percentile promises."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot([0, 1], [1, 0], color=MUTED, linewidth=1, label="1 - t")
        for number, analysis in enumerate(analyses):
            points = analysis.thresholds
            xs, ys = [p.threshold for p in points], [p.share for p in points]
            line(axes, number, xs, ys, label=analysis.name)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="threshold t", title="Share sent to large")
        percent(axes, "y")
        key(axes)

    return draw(name, "Share above each threshold against one minus the threshold", paint)


def reliability(name: str, analyses: Sequence[Analysis]) -> Markup:
    """What the large model adds, by tenths of the score."""

    def paint(figure: Figure) -> None:
        for axes, analysis in zip(_grid(figure, analyses), analyses, strict=True):
            for place, group in enumerate(analysis.groups):
                pillar(axes, 0, place + 1, group.gain)
            axes.axhline(analysis.large_quality - analysis.small_quality, color=MUTED, linewidth=1)
            axes.set(title=analysis.name, xlabel="tenth of the rows by score, easiest first")
            axes.set_xticks(range(1, len(analysis.groups) + 1))

    return draw(name, "Mean gain by tenth of the score", paint, height=_height(analyses))


def latency(name: str, analyses: Sequence[Analysis]) -> Markup:
    """Time of one decision, p50 to p99, against APGR with its interval."""

    def paint(figure: Figure) -> None:
        for axes, analysis in zip(_grid(figure, analyses), analyses, strict=True):
            axes.axhline(0.5, color=MUTED, linewidth=1)
            axes.set_xscale("log")
            for number, score in enumerate(analysis.scores):
                _timed(axes, number, score)
            axes.margins(x=0.25, y=0.12)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axes.set(title=analysis.name, xlabel="µs a prompt, p50 to p99", ylabel="APGR")

    return draw(name, "Decision time against APGR", paint, height=_height(analyses))


def _timed(axes: Axes, number: int, score: Measured) -> None:
    if score.p50_us is None or score.p99_us is None:
        return
    value, at = score.quality.apgr, number % len(COLOURS)
    colour = COLOURS[at]
    if score.p50_us < _FREE_US:
        axes.axhline(value.value, color=colour, linewidth=1.2, linestyle=(0, (5, 2)))
        style = {"ha": "right", "va": "bottom", "transform": axes.get_yaxis_transform()}
        note(axes, (0.99, value.value), f"{score.name}, at no cost", color=colour, **style)
        return
    axes.plot([score.p50_us, score.p99_us], [value.value] * 2, color=colour, linewidth=1.2)
    axes.plot([score.p50_us] * 2, [value.low, value.high], color=colour, linewidth=1.2)
    axes.plot(score.p50_us, value.value, MARKERS[at], color=colour)
    # Above and below in turn, so that neighbours do not write over each other.
    end, side = (value.low, "top") if at % 2 else (value.high, "bottom")
    note(axes, (score.p50_us, end), score.name, color=colour, ha="center", va=side)


def _grid(figure: Figure, analyses: Sequence[Analysis]) -> list[Axes]:
    return panels(figure, len(analyses), min(_COLUMNS, len(analyses)))


def _height(analyses: Sequence[Analysis]) -> float:
    return 0.3 + 2.5 * -(-len(analyses) // _COLUMNS)

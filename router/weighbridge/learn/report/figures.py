"""One analysis in, figures out: curves, intervals, a learning curve, and shares of anything."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weighbridge.learn.quality import Interval
from weighbridge.learn.report.analysis import Analysis, LearningPoint
from weighbridge.learn.report.drawing import (
    COLOURS,
    GRID,
    MUTED,
    draw,
    key,
    line,
    note,
    panels,
    percent,
    short,
    whisker,
)
from weighbridge.learn.report.page import Markup

_ROW_INCHES: Final = 0.34


def curves(name: str, analysis: Analysis) -> Markup:
    """Cost against quality, and what the order adds over a random one."""

    def paint(figure: Figure) -> None:
        left, right = panels(figure, 2, 2)
        _cost_quality(left, analysis)
        _lift(right, analysis)

    return draw(name, f"Cost-quality curves on {analysis.name}", paint, width=10, height=3.9)


def _cost_quality(axes: Axes, analysis: Analysis) -> None:
    small, large = analysis.small_quality, analysis.large_quality
    axes.plot([0, 1], [small, large], color=MUTED, linewidth=1, label="random")
    for number, score in enumerate(analysis.scores):
        line(axes, number, score.curve.share, score.curve.quality)
    band = analysis.subject.curve
    if band.low:
        gap = large - small
        ends = (small + np.asarray(band.low) * gap, small + np.asarray(band.high) * gap)
        axes.fill_between(band.share, *ends, color=COLOURS[0], alpha=0.15, linewidth=0)
    for level, model in ((small, analysis.small), (large, analysis.large)):
        axes.axhline(level, color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        note(axes, (0.99, level), f"{model} alone", ha="right", va="bottom")
    axes.set(xlim=(0, 1), xlabel="sent to the large model", title="Mean score of the answers")
    percent(axes, "x")


def _lift(axes: Axes, analysis: Analysis) -> None:
    axes.axhline(0, color=MUTED, linewidth=1, label="random .500")
    for number, score in enumerate(analysis.scores):
        lift = np.asarray(score.curve.pgr) - np.asarray(score.curve.share)
        label = f"{score.name} {short(score.quality.apgr.value)}"
        line(axes, number, score.curve.share, lift, label=label)
    band = analysis.subject.curve
    if band.low:
        ends = [np.asarray(end) - np.asarray(band.share) for end in (band.low, band.high)]
        axes.fill_between(band.share, *ends, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.set(xlim=(0, 1), xlabel="sent to the large model", title="Share of the gap beyond random")
    percent(axes, "x")
    percent(axes, "y")
    key(axes, "APGR")


def forest(name: str, analyses: Sequence[Analysis]) -> Markup:
    """APGR of every score with its interval; the grey band is what luck alone can do."""
    height = sum(0.5 + _ROW_INCHES * len(analysis.scores) for analysis in analyses) + 0.6

    def paint(figure: Figure) -> None:
        ratios = [len(analysis.scores) + 1 for analysis in analyses]
        grid = figure.add_gridspec(len(analyses), 1, height_ratios=ratios)
        first: Axes | None = None
        for place, analysis in enumerate(analyses):
            axes = figure.add_subplot(grid[place], sharex=first)
            first = first or axes
            _forest_panel(axes, analysis)
        figure.axes[-1].set_xlabel("APGR, 95 % interval")

    return draw(name, "APGR of each score with 95 % intervals", paint, height=height)


def _forest_panel(axes: Axes, analysis: Analysis) -> None:
    if analysis.random:
        band = analysis.random.apgr
        axes.axvspan(band.low, band.high, color=GRID, linewidth=0)
    axes.axvline(0.5, color=MUTED, linewidth=1)
    for number, score in enumerate(analysis.scores):
        interval = score.quality.apgr
        whisker(axes, number, -number, interval)
        note(
            axes,
            (1.01, -number),
            short(interval.value),
            transform=axes.get_yaxis_transform(),
            va="center",
            color=COLOURS[number % len(COLOURS)],
        )
    axes.set_yticks([-n for n in range(len(analysis.scores))], [s.name for s in analysis.scores])
    axes.set(ylim=(-len(analysis.scores) + 0.4, 0.6))
    axes.set_title(f"{analysis.name}, {analysis.rows:,} rows")
    axes.grid(visible=False, axis="y")


def learning_curve(name: str, points: Sequence[LearningPoint]) -> Markup:
    """Quality by number of labels: what more of them would buy."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        xs = [point.labels for point in points]
        value, low, high = (
            [getattr(point.apgr, end) for point in points] for end in ("value", "low", "high")
        )
        axes.fill_between(xs, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
        axes.plot(xs, value, "o-", color=COLOURS[0])
        for point in points:
            axes.annotate(
                short(point.apgr.value),
                (point.labels, point.apgr.value),
                textcoords="offset points",
                xytext=(0, 7),
                ha="center",
                fontsize=9,
            )
        axes.set(xlabel="labels", title="Cross-validated APGR by number of labels")

    return draw(name, "APGR by number of labels", paint)


def rates(
    name: str,
    alt: str,
    series: Sequence[tuple[str, Sequence[tuple[str, Interval]]]],
    axis: str,
    aim: float | None = None,
) -> Markup:
    """Shares with intervals, a row a name and a colour a series; all series have the same names.

    Args:
        name: of the figure.
        alt: what it shows.
        series: label, and name with share, row by row.
        axis: label of the x axis.
        aim: a share to mark, if any.
    """
    names = [row for row, _ in series[0][1]]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for number, (label, rows) in enumerate(series):
            shift = (number - (len(series) - 1) / 2) * 0.28
            for place, (_, share) in enumerate(rows):
                shown = label if place == 0 else None
                whisker(axes, number, -place - shift, share, label=shown)
        if aim is not None:
            axes.axvline(aim, color=MUTED, linewidth=1)
        axes.set_yticks([-place for place in range(len(names))], names)
        axes.set(ylim=(-len(names) + 0.3, 0.7), xlim=(-0.02, 1.02), xlabel=axis)
        percent(axes, "x")
        if len(series) > 1:
            key(axes)

    return draw(name, alt, paint, height=1.0 + _ROW_INCHES * len(names))

"""An analysis in, the parts of a page about it out; shared by `learn report` and the evaluation."""

from collections.abc import Iterator

import msgspec

from weighbridge.learn.report import figures
from weighbridge.learn.report.analysis import FEW_ROWS, Analysis, Measured
from weighbridge.learn.report.page import Cell, Markup, lead_cell, paragraph, table


class Costs(msgspec.Struct, frozen=True):
    """What 1,000 requests cost in each pool, in any one currency."""

    small: float
    large: float

    def at(self, share: float) -> float:
        """Cost of 1,000 requests of which `share` go to the large pool."""
        return self.small * (1 - share) + self.large * share


def results(analysis: Analysis) -> Markup:
    """All scores with their intervals, the subject first, random last."""
    timed = any(score.p50_us is not None for score in analysis.scores)
    columns = ["score", "APGR", "CPT50", "CPT80", f"{analysis.subject.name} leads by"]
    rows = [_result(score, timed) for score in analysis.scores]
    if analysis.random:
        luck = analysis.random
        rows.append(["random (range of luck)", luck.apgr, luck.cpt50, luck.cpt80, "", "", ""])
    width = len(columns) + 2 * timed
    return table(
        [*columns, *(["p50 µs", "p99 µs"] if timed else [])],
        [row[:width] for row in rows],
        caption="95 % intervals: row bootstrap; leads are paired, resample by resample.",
        first=True,
        pale=[len(analysis.scores)],
    )


def _result(score: Measured, timed: bool) -> list[Cell]:
    quality = score.quality
    times: list[Cell] = [_micros(score.p50_us), _micros(score.p99_us)] if timed else []
    lead = lead_cell(score.lead) if score.lead else ""
    return [score.name, quality.apgr, quality.cpt50, quality.cpt80, lead, *times]


def _micros(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"  # noqa: PLR2004


def summary(analysis: Analysis) -> str:
    """One sentence on rows, models and gap."""
    return (
        f"{analysis.rows:,} rows. {analysis.small} alone gets {analysis.small_quality:.3f}, "
        f"{analysis.large} alone {analysis.large_quality:.3f}."
    )


def measured(analysis: Analysis, anchor: str) -> Iterator[Markup]:
    """What one set of rows shows: sentence, table, curves; or why there is nothing to show."""
    yield paragraph(summary(analysis))
    if analysis.fault:
        yield paragraph(f"Not measured: {analysis.fault}.")
        return
    yield results(analysis)
    yield figures.curves(f"{anchor}-curves", analysis)


def tasks(analysis: Analysis) -> Markup:
    """The subject task by task; tasks with few rows are held back."""
    names = [score.name for score in analysis.scores]
    rows: list[list[Cell]] = [
        [
            f"{row.task} (few rows)" if row.few else row.task,
            row.rows,
            f"{row.gap:+.3f}",
            row.mean_score,
            row.apgr,
            *(row.others.get(name) for name in names[1:]),
        ]
        for row in analysis.tasks
    ]
    return table(
        ["task", "rows", "gap", "mean score", f"APGR {names[0]}", *names[1:]],
        rows,
        caption=f"By task; below {FEW_ROWS} rows an order can't be told from luck. A dash: the "
        "large model is not better on these rows.",
        pale=[place for place, row in enumerate(analysis.tasks) if row.few],
    )


def thresholds(analysis: Analysis, costs: Costs | None = None) -> Markup:
    """What each threshold would do to these rows."""
    rows: list[list[Cell]] = [
        [
            f"{point.threshold:.2f}",
            f"{point.share:.1%}",
            point.quality,
            *([f"{costs.at(point.share):,.2f}"] if costs else []),
        ]
        for point in analysis.thresholds
    ]
    return table(
        ["threshold", "to large", "mean score", *(["cost of 1,000 requests"] if costs else [])],
        rows,
        caption="What each threshold would do to these rows.",
    )


def groups(analysis: Analysis) -> Markup:
    """Tenths of the rows by score: what the large model added, and how often it was needed."""
    rows: list[list[Cell]] = [
        [f"{group.low:.3f} to {group.high:.3f}", group.rows, lead_cell(group.gain), group.needed]
        for group in analysis.groups
    ]
    return table(
        ["score", "rows", "mean gain", "large was better"],
        rows,
        caption="Tenths of the rows by score, the easiest first. A score that ranks well climbs.",
    )

"""An analysis as a table on a terminal, and the few lines that `learn report` prints."""

import math
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from weighbridge.learn.quality import Interval
from weighbridge.learn.report.analysis import Analysis, Measured
from weighbridge.learn.report.document import Report


def print_report(console: Console, report: Report, page: Path) -> None:
    """Print the verdict, the table, what was left out, and where the page lies."""
    style = "bold green" if report.verdict.ship else "bold red"
    console.print(report.verdict.line, style=style, highlight=False)
    for remark in (*report.verdict.remarks, *report.remarks):
        console.print(f"  {remark}", highlight=False)
    if not report.analysis.fault:
        console.print(quality_table(report.analysis))
    console.print(f"page: {page}", highlight=False, soft_wrap=True)


def quality_table(analysis: Analysis) -> Table:
    """All scores of one set; intervals of what decides, plain numbers of the rest."""
    title = f"{analysis.name}: {analysis.rows:,} rows, {analysis.small} or {analysis.large}"
    # One space between the columns: a table of a peer or two fits 80 characters.
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("score", no_wrap=True)
    for column in ("APGR", "CPT50", "CPT80", "lead", "p50 µs"):
        table.add_column(column, justify="right", no_wrap=True)
    for score in analysis.scores:
        table.add_row(*map(Text, _row(score)))
    if analysis.random:
        luck = analysis.random
        cpts = (_plain(luck.cpt50.value), _plain(luck.cpt80.value))
        table.add_row("random", Text(interval(luck.apgr)), *cpts, "", "")
    return table


def _row(score: Measured) -> list[str]:
    quality = score.quality
    return [
        score.name,
        interval(quality.apgr),
        _plain(quality.cpt50.value),
        _plain(quality.cpt80.value),
        interval(score.lead, sign="+") if score.lead else "",
        "" if score.p50_us is None else f"{score.p50_us:,.1f}",
    ]


def interval(value: Interval, sign: str = "") -> str:
    """Such as ".612 [.590, .634]"."""
    value = value.rounded()
    shown = _plain(value.value, sign)
    if math.isnan(value.low):
        return shown
    return f"{shown} [{_plain(value.low, sign)}, {_plain(value.high, sign)}]"


def _plain(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}".replace("0.", ".", 1)

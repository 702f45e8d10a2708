"""What came of a fit, for a person to read."""

import math

from rich.console import Console
from rich.table import Table

from weighbridge.learn.curve import MORE
from weighbridge.learn.fit import Fitted
from weighbridge.learn.quality import Interval


def print_fitted(console: Console, fitted: Fitted) -> None:
    """Print quality out of fold, the learning curve and what to do next."""
    table = Table(title="APGR out of fold, random .500", title_justify="left", box=None)
    table.add_column("")
    table.add_column("APGR", justify="right")
    table.add_row("length of the prompt", f"{fitted.length:.3f}")
    for number, stage in enumerate(fitted.stages, 1):
        table.add_row(f"stage {number}", f"{stage.quality:.3f}")
    console.print(table)
    console.print(_curve(fitted))
    for line in _advice(fitted):
        console.print(line, highlight=False, soft_wrap=True)


def _curve(fitted: Fitted) -> Table:
    table = Table(title="\nLearning curve of stage 1", title_justify="left", box=None)
    for column in ("labels", "APGR", "95 % interval"):
        table.add_column(column, justify="right")
    for point in fitted.curve.points:
        table.add_row(f"{point.labels:,}", f"{point.apgr.value:.3f}", _shown(point.apgr))
    return table


def _shown(interval: Interval) -> str:
    """Both ends; a dash where too many resamples have no gap between the pools."""
    return "-" if math.isnan(interval.low) else f"{interval.low:.3f} to {interval.high:.3f}"


def _advice(fitted: Fitted) -> list[str]:
    curve, count = fitted.curve, fitted.held_out
    bought = f"{MORE:,} more labels would buy about +{curve.bought:.3f} APGR"
    lines = [
        f"{bought} (this curve levels off near {curve.ceiling:.3f}).",
        f"Fitted to {fitted.labels:,} labels, {count:,} left for the report.",
    ]
    if fitted.stages[0].quality <= fitted.length:
        lines.append("No better than the length of the prompt: label more before you ship it.")
    labels = "LABELS.jsonl" if count else "OTHER_LABELS.jsonl"
    report = f"weighbridge learn report {labels} --artifact {fitted.folder} --out report.html"
    return [*lines, f"Next: {report}"]

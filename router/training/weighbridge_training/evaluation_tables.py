"""An evaluation as tables on a terminal."""

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from weighbridge.learn.report.terminal import quality_table

from weighbridge_training.attacks import AttackResult, Flips
from weighbridge_training.evaluation import Evaluation
from weighbridge_training.graded import CaseReport


def print_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print sets, own cases and attacks."""
    for part in _parts(evaluation):
        console.print(part, highlight=False)
        console.print()


def _parts(evaluation: Evaluation) -> Iterator[RenderableType]:
    yield (
        f"classifier {evaluation.classifier}, artifact {evaluation.artifact}, "
        f"threshold {evaluation.threshold:g}"
    )
    yield from evaluation.remarks
    for report in evaluation.sets:
        analysis = report.analysis
        yield f"{analysis.name}: {analysis.fault}" if analysis.fault else quality_table(analysis)
    yield _case_table(evaluation.cases)
    yield _attack_table(evaluation.attacks)


def _case_table(report: CaseReport) -> Table:
    table = _table("Own cases", "group", "cases", "right", "share", "95 % interval")
    for group in (*report.groups, report.total):
        share = group.share
        table.add_row(
            group.group,
            str(group.cases),
            str(group.right),
            f"{share.value:.1%}",
            f"{share.low:.1%} to {share.high:.1%}",
        )
    return table


def _attack_table(results: list[AttackResult]) -> Table:
    table = _table("Attacks: right before, wrong under it", "attack", "hard→small", "easy→large")
    for result in results:
        table.add_row(result.name, _flips(result.to_small), _flips(result.to_large))
    return table


def _flips(flips: Flips) -> str:
    if not flips.tried:
        return "none to try"
    rate = flips.rate
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table

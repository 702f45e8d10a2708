"""`python -m weighbridge_training.evaluate --data DIR`: the evaluation as a command.

Exit status: 0; 1 if something could not be read or loaded; 3 if LiteLLM was asked for and could
not be run, in which case the rest of the report is written all the same.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from weighbridge.errors import WeighbridgeError
from weighbridge.generation import Generation
from weighbridge.learn.report.labelled import fitted_ids

from weighbridge_training import graded, peers
from weighbridge_training.evaluation import Evaluation, Peers, Progress, evaluate, write_evaluation
from weighbridge_training.evaluation_page import render
from weighbridge_training.evaluation_tables import print_evaluation
from weighbridge_training.public import PUBLIC, read_public, without
from weighbridge_training.sets import PairedRows

NO_PEER: Final = 3
"""Exit status where LiteLLM could not be run."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder that holds public/ and train/.")],
    artifact: Annotated[
        Path | None, typer.Option(help="Folder of the artifact. Default: the one that ships.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for evaluation.json and .html.")] = Path(
        "build/evaluation"
    ),
    with_peers: Annotated[
        bool, typer.Option("--peers", help="Ask LiteLLM too; the first time installs it.")
    ] = False,
    cases: Annotated[Path, typer.Option(help="Folder of graded cases.")] = graded.CASES / "test",
) -> None:
    """Measure an artifact on the public sets, on own cases, and under attack."""
    console = Console(stderr=True)
    with shown(console) as progress:
        evaluation = run(data, artifact, cases, progress, with_peers=with_peers)
    written = write_evaluation(evaluation, render(evaluation), out)
    print_evaluation(Console(), evaluation)
    for path in written:
        typer.echo(f"written: {path}")
    if evaluation.peer_fault:
        typer.echo(f"LiteLLM: {evaluation.peer_fault}", err=True)
        raise typer.Exit(NO_PEER)


def run(
    data: Path, artifact: Path | None, cases: Path, progress: Progress, *, with_peers: bool
) -> Evaluation:
    """Read, measure, and say what was left out.

    Raises:
        RecordError: for data or cases that can't be read.
        ArtifactError: for an artifact that can't be loaded.
    """
    generation = Generation.load(None, artifact)
    used = fitted_ids(artifact) if artifact else frozenset[str]()
    sets, remarks = _read_sets(data, used)
    read = graded.read_cases(cases)
    fault, ask = _find_peers(progress) if with_peers else ("", None)
    try:
        evaluation = evaluate(generation, sets, read, progress, ask)
    except peers.PeerError as error:
        fault = str(error)
        evaluation = evaluate(generation, sets, read, progress)
    version = peers.version() if with_peers else ""
    return msgspec.structs.replace(evaluation, peer=version, peer_fault=fault, remarks=remarks)


def _read_sets(data: Path, used: frozenset[str]) -> tuple[list[PairedRows], list[str]]:
    sets, remarks = [], []
    for which in PUBLIC:
        whole = read_public(data, which)
        kept = without(whole, used)
        sets.append(kept)
        if lost := len(whole.rows) - len(kept.rows):
            remarks.append(
                f"{which.name}: {lost:,} rows left out, to which the artifact was fitted"
            )
    return sets, remarks


def _find_peers(progress: Progress) -> tuple[str, Peers | None]:
    told = progress("LiteLLM's environment", 1)
    try:
        python = peers.ensure_environment(peers.cache_folder())
    except peers.PeerError as error:
        return str(error), None
    told()

    def ask(texts: Sequence[str], told: Callable[[], object]) -> Mapping[str, peers.PeerScores]:
        return peers.score_with_litellm(texts, python, told)

    return "", ask


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """Bars for a person; a line a step for a log."""
    if not console.is_terminal:

        def line(what: str, total: int) -> Callable[[], object]:
            console.print(f"{what}: {total:,}", highlight=False)
            return lambda: None

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeElapsedColumn(), console=console) as bar:

        def step(what: str, total: int) -> Callable[[], object]:
            task = bar.add_task(what, total=total)
            return lambda: bar.advance(task)

        yield step


def command() -> None:
    """Run; a fault that the user can mend is a message, not a traceback."""
    try:
        app()
    except WeighbridgeError as error:
        typer.echo(f"evaluate: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    command()

"""The command line: an experiment's name in, its page and plots out.

An experiment is imported when it is asked for, so that `--help` comes quickly.
"""

# ruff: noqa: PLC0415  # see above

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from weighbridge.errors import WeighbridgeError

from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.progress import shown

Out = Annotated[Path, typer.Option(help="Folder for the page and its plots.")]
Seed = Annotated[int, typer.Option(help="Of all dice: the same seed, the same page.")]
FOLDER = Path("docs/experiments")

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


@app.callback()
def _experiments() -> None:
    """Experiments for operators. Each writes a page and its plots."""


@app.command()
def autoscaling(out: Out = FOLDER, seed: Seed = 1) -> None:
    """5,000 users, tiers of 1 to 10 pods, spot nodes: what they wait, and what it costs a month."""
    from weighbridge_experiments import autoscaling as experiment

    with shown(Console(stderr=True)) as step:
        _say(experiment.run(out, seed, _command("autoscaling", seed), step))


@app.command()
def validation(out: Out = FOLDER, seed: Seed = 1) -> None:
    """The simulation beside servers that answer, in real time: how far off it is."""
    from weighbridge_experiments import validation as experiment

    with shown(Console(stderr=True)) as step:
        _say(experiment.run(out, seed, _command("validation", seed), step))


@app.command()
def batching(out: Out = FOLDER, seed: Seed = 1) -> None:
    """What max_num_seqs, the number of clients and the size of KV blocks do to one pod."""
    from weighbridge_experiments import batching as experiment

    with shown(Console(stderr=True)) as step:
        _say(experiment.run(out, seed, _command("batching", seed), step))


@app.command()
def threshold(
    data: Annotated[
        Path | None, typer.Option(help="Folder that holds public/: recorded scores of answers.")
    ] = None,
    out: Out = FOLDER,
) -> None:
    """What each threshold costs and yields on public prompts; sets nothing."""
    from weighbridge_experiments import threshold as experiment

    with shown(Console(stderr=True)) as step:
        command = "make experiment NAME=threshold DATA=FOLDER"
        _say(experiment.run(out, data, command, step))


def _command(name: str, seed: int) -> str:
    return f"make experiment NAME={name}" + (f" ARGS='--seed {seed}'" if seed != 1 else "")


def _say(written: list[Path]) -> None:
    for path in written:
        typer.echo(f"written: {path}")


def main() -> None:
    """Run; a fault that the user can mend is a message, not a traceback."""
    try:
        app()
    except (ExperimentError, WeighbridgeError) as error:
        typer.echo(f"experiment: {error}", err=True)
        sys.exit(1)

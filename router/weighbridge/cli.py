"""The `weighbridge` command: serve, up, top, score, explain, check, calibrate, catalog, bench.

Imports are made inside the commands: `serve` must not pay for tables, nor `score` for gRPC.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from weighbridge import __version__
from weighbridge.bench.commands import app as bench
from weighbridge.calibrate.commands import app as calibrate
from weighbridge.canary.commands import app as canary
from weighbridge.errors import WeighbridgeError
from weighbridge.learn.commands import app as learn
from weighbridge.local.commands import app as local
from weighbridge.metering.commands import app as metering
from weighbridge.observing.commands import app as observing
from weighbridge.sizing.commands import app as sizing

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Routes LLM traffic by how hard the prompt is.",
)

app.add_typer(local)
app.add_typer(bench)
app.add_typer(calibrate)
app.add_typer(sizing)
app.add_typer(metering)
app.add_typer(observing)
app.add_typer(learn, name="learn")
app.add_typer(canary, name="canary")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file (YAML). Default: defaults, environment."),
]
ArtifactOption = Annotated[
    Path | None,
    typer.Option("--artifact", help="Folder of the classifier artifact, over the settings."),
]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def serve(config: ConfigOption = None, artifact: ArtifactOption = None) -> None:
    """Run the router: the ext_proc service that Envoy asks."""
    from weighbridge.server import serve as run

    run(config, artifact)


@app.command()
def score(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="JSON lines; - is standard input.")
    ] = "-",  # type: ignore[assignment]
    config: ConfigOption = None,
    artifact: ArtifactOption = None,
) -> None:
    """Score JSON lines: {"prompt": …}, {"messages": …} or whole request bodies, in order."""
    from weighbridge.progress import tracked
    from weighbridge.scoring import run_scoring

    with tracked(file, "scored") as lines:
        failed = run_scoring(config, artifact, lines, sys.stdout.buffer)
    if failed:
        typer.echo(f"{failed} line(s) could not be read; see their field 'error'", err=True)


@app.command()
def explain(
    prompt: Annotated[str, typer.Argument(help="A prompt; - reads it from standard input.")],
    config: ConfigOption = None,
    artifact: ArtifactOption = None,
) -> None:
    """Show guards, what moves the score, and the decision for one prompt."""
    from rich.console import Console

    from weighbridge.explanation import print_explanation
    from weighbridge.generation import Generation
    from weighbridge.scoring import explain_text

    generation = Generation.load(config, artifact)
    text = sys.stdin.read() if prompt == "-" else prompt
    print_explanation(Console(), generation, explain_text(generation, text))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Settings file (YAML).")],
) -> None:
    """Validate a settings file, and the artifact it names; print every fault at once."""
    from weighbridge.generation import Generation

    generation = Generation.load(file)
    tiers = ", ".join(generation.settings.tiers)
    typer.echo(
        f"{file}: ok: tiers {tiers}; threshold {generation.settings.policy.threshold}; "
        f"classifier {generation.classifier.name}"
    )


@app.command()
def schema(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a reference page instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of the settings."""
    import json

    from weighbridge.reference import settings_reference
    from weighbridge.settings import Settings

    schema = json.dumps(Settings.model_json_schema(), indent=2, sort_keys=True)
    typer.echo(settings_reference() if markdown else schema)


@app.command()
def bench_parts() -> None:
    """Time the parts of a decision one by one, in this process."""
    from rich.console import Console

    from weighbridge.bench.parts import measure_parts, print_parts

    print_parts(Console(), measure_parts())


def main() -> None:
    """Run the command; a fault that the user can mend is a message, not a traceback."""
    try:
        app()
    except WeighbridgeError as error:
        typer.echo(f"weighbridge: {error}", err=True)
        sys.exit(1)

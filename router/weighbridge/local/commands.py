"""The options of `weighbridge up`, for cli.py to mount."""

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer()


@app.command()
def up(
    port: Annotated[
        int, typer.Option("--port", "-p", min=1, max=65535, help="Where clients connect.")
    ] = 8080,
    pools: Annotated[
        Literal["sim", "vllm"],
        typer.Option(help="Simulated models, or real vLLM on CPU (about 4 GiB of memory)."),
    ] = "sim",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The router's settings file (YAML).")
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(help="File that gets addresses and process ids (JSON) once all is ready."),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Folder of the logs. [a new one among temporary files]")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a table, as without a terminal.")
    ] = False,
    meter: Annotated[
        bool, typer.Option("--meter", help="Count tokens and dollars too, by tier and x-team.")
    ] = False,
    observe: Annotated[
        bool,
        typer.Option("--observe", help="Run a Prometheus with the rules too; implies --meter."),
    ] = False,
    prometheus_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where that Prometheus listens.")
    ] = 9090,
    rules: Annotated[
        Path | None, typer.Option(help="Folder of *.rules.yaml for it. [those that come with this]")
    ] = None,
) -> None:
    """Run the whole path here: Envoy, the router and two pools of models."""
    from weighbridge.local.plan import UpOptions
    from weighbridge.local.up import run_up

    options = UpOptions(
        port=port,
        pools=pools,
        config=config,
        ready_file=ready_file,
        run_dir=run_dir,
        plain=plain,
        meter=meter,
        observe=observe,
        prometheus_port=prometheus_port,
        rules=rules,
    )
    raise typer.Exit(run_up(options))

"""The commands `tools` and `missing` of the lab, for cli.py to mount."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from weighbridge_lab.tools import Toolbox

app = typer.Typer()


@app.command()
def tools(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which to build.", show_default="all")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Say what there is and where; build nothing.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove builds of other pins or another Go.")
    ] = False,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of the binaries.", show_default="~/.cache/weighbridge/lab-tools"),
    ] = None,
) -> None:
    """Build the lab's control planes and helpers from Go modules; what is built stays."""
    from weighbridge_lab import builds
    from weighbridge_lab.reports import report
    from weighbridge_lab.tools import project_toolbox

    toolbox = project_toolbox(cache)
    if listed:
        _list(toolbox)
    else:
        wanted = names or [tool.name for tool in toolbox.tools]
        built = builds.build(toolbox, wanted, report())
        typer.echo(f"{len(built)} built, {len(wanted) - len(built)} there before")
    if prune:
        for folder in builds.prune(toolbox):
            typer.echo(f"removed {folder}")


@app.command()
def missing(
    packages_only: Annotated[
        bool,
        typer.Option("--packages", help="Only names of Debian packages, tests' too; status 0."),
    ] = False,
    go: Annotated[bool, typer.Option("--go", help="Look for Go instead.")] = False,
) -> None:
    """Say what this machine lacks that a lab needs; status 1 where it lacks something."""
    from weighbridge_lab.programmes import (
        PROGRAMMES,
        TESTED_WITH,
        missing_programmes,
        packages,
        require_programmes,
    )
    from weighbridge_lab.tools import project_toolbox

    if packages_only:
        typer.echo(" ".join(packages(missing_programmes((*PROGRAMMES, *TESTED_WITH)))))
        return
    if go:
        project_toolbox()
    else:
        require_programmes()


def _list(toolbox: "Toolbox") -> None:
    for tool in toolbox.tools:
        binary = toolbox.binary(tool)
        built = f"{binary.stat().st_size / 1e6:4.0f} MB" if binary.exists() else "not built"
        typer.echo(f"{tool.name:24}{built:>10}  {binary}")

"""The options of `weighbridge calibrate`, for cli.py to mount. Imports are made inside."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def calibrate(
    logs: Annotated[
        list[Path],
        typer.Argument(metavar="LOG...", help="The router's log; .gz is unpacked, - is stdin."),
    ],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The router's settings file (YAML).")
    ] = None,
    artifact: Annotated[
        Path | None, typer.Option(help="Folder of the artifact that served, over the settings.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Wanted share of the large tier, 0 to 1.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Dollars a day that the pair may cost.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New folder: the artifact, calibrated on this log.")
    ] = None,
    small: Annotated[str, typer.Option(help="Model of the small tier.")] = "gemma-2-9b-it",
    large: Annotated[str, typer.Option(help="Model of the large tier.")] = "llama-3.3-70b-instruct",
    catalog: Annotated[
        Path | None,
        typer.Option(help="Folder of models and their prices. Default: the packaged one."),
    ] = None,
    answer_tokens: Annotated[
        int | None, typer.Option(min=0, help="Tokens of an answer. Default: that of the settings.")
    ] = None,
    requests_per_day: Annotated[
        float | None, typer.Option(min=1, help="Weighed requests a day. Default: as the log tells.")
    ] = None,
) -> None:
    """Calibrate scores on your traffic: share and cost per threshold, and the change to apply."""
    from rich.console import Console

    from weighbridge.calibrate.plan import Wish, make_plan
    from weighbridge.calibrate.report import print_plan

    if share is not None and budget is not None:
        raise typer.BadParameter("--share and --budget are two ways to choose; give one")
    wish = Wish(
        logs=logs,
        config=config,
        artifact=artifact,
        share=share,
        budget=budget,
        out=out,
        small=small,
        large=large,
        catalog=catalog,
        answer_tokens=answer_tokens,
        requests_per_day=requests_per_day,
    )
    print_plan(Console(), make_plan(wish))

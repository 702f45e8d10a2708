"""The options of `weighbridge meter`, for cli.py to mount. Imports are made inside."""

from pathlib import Path
from typing import Annotated

import typer

from weighbridge.errors import SettingsError

app = typer.Typer()


@app.command()
def meter(
    listen: Annotated[
        str, typer.Option(help="host:port where Envoy sends receipts.")
    ] = "127.0.0.1:9003",
    metrics: Annotated[str, typer.Option(help="host:port of /metrics.")] = "127.0.0.1:9091",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A tier and its model in the catalog, for prices: small=gemma-2-9b-it. "
            "Repeat per tier. [the catalog's of small and large]"
        ),
    ] = None,
    reference: Annotated[str, typer.Option(help="Tier against which savings are told.")] = "large",
    catalog: Annotated[Path | None, typer.Option(help="Folder of models with your prices.")] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(help="A team that gets series of its own; repeat. [whoever comes first]"),
    ] = None,
    teams: Annotated[int, typer.Option(min=1, help="Most teams; later ones are 'other'.")] = 100,
    users: Annotated[
        int, typer.Option(min=0, max=1000, help="Heaviest users with series of their own.")
    ] = 0,
) -> None:
    """Count tokens and dollars by tier and team, from the receipts that Envoy sends."""
    from weighbridge.catalog import TIER_MODELS
    from weighbridge.metering.ledger import Bounds
    from weighbridge.metering.server import MeterOptions, run_meter

    models = dict(map(_tier_and_model, model)) if model else dict(TIER_MODELS)
    run_meter(
        MeterOptions(
            listen=listen,
            metrics=metrics,
            models=models,
            reference=reference,
            catalog=catalog,
            bounds=Bounds(known_teams=team or (), teams=teams, users=users),
        )
    )


def _tier_and_model(text: str) -> tuple[str, str]:
    tier, _, name = text.partition("=")
    if not (tier and name):
        raise SettingsError(f"--model: expected tier=model, came {text!r}")
    return tier, name

"""The options of `weighbridge top`, for cli.py to mount. Imports are made inside."""

import json
from contextlib import suppress
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from weighbridge.observing.panels import Dashboard
    from weighbridge.observing.prometheus import Prometheus
    from weighbridge.observing.view import Shown

app = typer.Typer()


@app.command()
def top(
    page: Annotated[
        str, typer.Argument(help="overview, router, pools, canary or slo.")
    ] = "overview",
    prometheus: Annotated[
        str,
        typer.Option(
            envvar="WEIGHBRIDGE_PROMETHEUS",
            help="Address of a Prometheus that has the rules; that of `weighbridge up --observe`.",
        ),
    ] = "http://127.0.0.1:9090",
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks.")] = 5,
    once: Annotated[bool, typer.Option("--once", help="Look once, print, end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Likewise, for scripts.")] = False,
) -> None:
    """Show what the dashboards show, in a terminal, from the same queries."""
    from rich.console import Console

    from weighbridge.errors import ObservingError
    from weighbridge.observing.dashboards import DASHBOARDS, find_dashboard
    from weighbridge.observing.prometheus import Prometheus
    from weighbridge.observing.view import described

    dashboard = find_dashboard(page)
    if dashboard is None:
        names = ", ".join(each.name for each in DASHBOARDS)
        raise ObservingError(f"expected a page ({names}), came {page!r}")
    server = Prometheus(prometheus)
    shown = _first_look(dashboard, server)
    if as_json:
        typer.echo(json.dumps(described(dashboard, shown)))
        return
    console = Console(highlight=False)
    _print(console, dashboard, shown, server.url, clear=not once)
    if not once:
        with suppress(KeyboardInterrupt):  # which is how one leaves it
            _look_for_ever(console, dashboard, server, every)


def _first_look(dashboard: "Dashboard", server: "Prometheus") -> "Sequence[Shown]":
    from weighbridge.observing.view import look, require_data

    shown = look(dashboard, server.ask)
    require_data(shown, server.url)
    return shown


def _look_for_ever(
    console: "Console", dashboard: "Dashboard", server: "Prometheus", every: float
) -> None:
    """Look again and again; what fails later than the first look is told, and tried again."""
    from weighbridge.errors import ObservingError
    from weighbridge.observing.view import look

    while True:
        sleep(every)
        try:
            shown = look(dashboard, server.ask)
        except ObservingError as error:
            typer.echo(f"weighbridge: {error}", err=True)
        else:
            _print(console, dashboard, shown, server.url, clear=True)


def _print(
    console: "Console",
    dashboard: "Dashboard",
    shown: "Sequence[Shown]",
    url: str,
    *,
    clear: bool,
) -> None:
    from weighbridge.observing.screen import screen

    if clear and console.is_terminal:
        console.clear()
    console.print(screen(dashboard, shown, url))

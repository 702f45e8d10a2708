"""`weighbridge canary`: status. Imports are made inside the commands."""

import json
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.canary.kubectl import Snapshot
    from weighbridge.canary.status import CanaryState

app = typer.Typer(
    no_args_is_help=True,
    help="See how a pool's new version is doing.",
)


@app.callback()
def _room() -> None:
    """One command alone would otherwise take the room's name."""


@app.command()
def status(
    pool: Annotated[
        str | None, typer.Argument(help="Name of its Rollout. Left out: all of the namespace.")
    ] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Of the pools.")] = "llm",
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Again and again, until Ctrl-C.")
    ] = False,
    interval: Annotated[float, typer.Option(min=0.5, help="Seconds between looks.")] = 3.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs; with --watch a line per look.")
    ] = False,
    context: Annotated[str, typer.Option(help="Of the kubeconfig, if not the current one.")] = "",
    kubectl: Annotated[
        str, typer.Option(envvar="WEIGHBRIDGE_KUBECTL", help="Name or path of kubectl.")
    ] = "kubectl",
) -> None:
    """Show a canary in one screen: step, weight, gates with their numbers, what to type next.

    Reads with your kubectl and its kubeconfig, and changes nothing.
    """
    from weighbridge.canary.kubectl import Kubectl

    asked = Kubectl(kubectl, context)
    looks = _looks(lambda: asked.snapshot(namespace, pool), interval if watch else None)
    try:
        for snapshot, states in looks:
            if as_json:
                _print_json(snapshot, states, context, None if watch else 2)
            else:
                _print_screen(snapshot, states, context, clear=watch)
    except KeyboardInterrupt:
        raise typer.Exit from None


def _looks(
    take: "Callable[[], Snapshot]", interval_s: float | None
) -> "Iterator[tuple[Snapshot, tuple[CanaryState, ...]]]":
    """Look once, or for ever; what fails later than the first look is told, and tried again."""
    from datetime import UTC, datetime

    from weighbridge.canary.status import states
    from weighbridge.errors import CanaryError

    first = True
    while True:
        try:
            snapshot = take()
            yield snapshot, states(snapshot, datetime.now(UTC))
        except CanaryError as error:
            if first:
                raise
            typer.echo(f"weighbridge: {error}", err=True)
        if interval_s is None:
            return
        first = False
        sleep(interval_s)


def _print_screen(
    snapshot: "Snapshot", states: "tuple[CanaryState, ...]", context: str, *, clear: bool
) -> None:
    from rich.console import Console

    from weighbridge.canary.screen import screen

    console = Console(highlight=False)
    if clear and console.is_terminal:
        console.clear()
    console.print(screen(states, snapshot.missing, context))


def _print_json(
    snapshot: "Snapshot", states: "tuple[CanaryState, ...]", context: str, indent: int | None
) -> None:
    import msgspec

    from weighbridge.canary.advice import advice

    pools = [
        msgspec.to_builtins(each) | {"next": msgspec.to_builtins(advice(each, context))}
        for each in states
    ]
    typer.echo(json.dumps({"pools": pools, "not_read": list(snapshot.missing)}, indent=indent))

"""The options of `weighbridge bench`, for cli.py to mount."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from weighbridge.errors import LocalError

app = typer.Typer()

QUICK: Final = {"rounds": 2, "seconds": 1.0, "cases": ("small", "220k"), "soak": 2000, "starts": 1}
"""What --quick measures, whatever else is asked."""

QUICK_PEERS: Final = {
    "rounds": 1,
    "seconds": 1.0,
    "cases": ("small",),
    "rates": (50, 300),
    "soak": 200,
    "starts": 1,
}
"""Likewise with --peers."""

QUICK_METERING: Final = {"requests": 500, "rounds": 5, "streams": 20, "tokens": 50}
"""Likewise with --metering."""


@app.command()
def bench(
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="Times each target is measured; 5, with --peers 3."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="Length of one measurement; 3, with --peers 2."),
    ] = None,
    cases: Annotated[
        str | None,
        typer.Option(help="Sizes of request; small,32k,220k,3m, with --peers all but the last."),
    ] = None,
    connections: Annotated[int, typer.Option(min=1, help="Requests in flight under load.")] = 16,
    soak: Annotated[
        int, typer.Option(min=0, help="Requests for memory and CPU time of the router; 0: none.")
    ] = 20_000,
    rate: Annotated[
        float | None,
        typer.Option(min=1, help="Latency at so many requests per second, not one at a time."),
    ] = None,
    peers: Annotated[
        bool,
        typer.Option("--peers", help="LiteLLM too, all before one pool; the first time builds it."),
    ] = False,
    rates: Annotated[
        str, typer.Option(help="With --peers: latency at so many requests per second.")
    ] = "10,50,100,300,1000",
    plots: Annotated[
        str, typer.Option(help="With --peers: folder for the page and its plots.")
    ] = "",
    quick: Annotated[bool, typer.Option("--quick", help="A first look, in half a minute.")] = False,
    json: Annotated[str, typer.Option(help="File for the report as JSON; - is output.")] = "",
    markdown: Annotated[str, typer.Option(help="File for the tables as Markdown; likewise.")] = "",
    sse: Annotated[
        int, typer.Option(min=0, help="Instead: hold so many streaming answers open at once.")
    ] = 0,
    metering: Annotated[
        bool, typer.Option("--metering", help="Instead: what token accounting adds to an answer.")
    ] = False,
) -> None:
    """Measure what the router adds to Envoy, beside plain Envoy and an empty handler."""
    import msgspec
    from rich.console import Console

    from weighbridge.bench.report import Options
    from weighbridge.bench.run import run_bench, steps
    from weighbridge.bench.tables import markdown as as_markdown
    from weighbridge.bench.tables import print_report

    if sse:
        _bench_sse(sse, json)
        return
    if metering:
        _bench_metering(quick, json)
        return
    chosen: dict[str, Any] = {
        "connections": connections,
        **({} if cases is None else {"cases": _listed(cases)}),
        **({} if rounds is None else {"rounds": rounds}),
        **({} if seconds is None else {"seconds": seconds}),
    }
    if peers:
        _bench_peers({**chosen, "rates": _rates(rates)}, quick, json, markdown, plots)
        return
    if plots:
        raise LocalError("--plots shows what --peers measures; give both, or none")
    options = Options(rate=rate, soak=soak, **chosen)
    if quick:
        options = msgspec.structs.replace(options, **QUICK)
    with progress(steps(options)) as told:
        report = run_bench(options, told)
    if json:
        write(json, msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    if markdown:
        write(markdown, as_markdown(report))
    print_report(Console(stderr="-" in {json, markdown}), report)
    if report.faults:
        raise typer.Exit(1)


def _bench_peers(chosen: dict[str, Any], quick: bool, json: str, markdown: str, plots: str) -> None:
    import msgspec
    from rich.console import Console

    from weighbridge.bench.peers.page import page, require_plots, write_page
    from weighbridge.bench.peers.report import PeersOptions
    from weighbridge.bench.peers.run import peers_steps, run_peers
    from weighbridge.bench.peers.tables import print_peers

    options = PeersOptions(**{**chosen, **(QUICK_PEERS if quick else {})})
    if plots:
        require_plots()
    with progress(peers_steps(options)) as told:
        report = run_peers(options, told)
    if json:
        write(json, msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    if markdown:
        write(markdown, page(report))
    print_peers(Console(stderr="-" in {json, markdown}), report)
    if report.faults:
        # A page that is committed shows no numbers that are worth nothing.
        raise typer.Exit(1)
    if plots:
        write_page(Path(plots), report)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(sorted(float(word) for word in _listed(text)))
    except ValueError:
        rates = (0.0,)
    if any(not 0 < rate < inf for rate in rates):
        raise LocalError(f"--rates: expected numbers above 0 with commas between, came {text!r}")
    return rates


def _bench_sse(streams: int, json: str) -> None:
    import msgspec
    from rich.console import Console

    from weighbridge.bench.sse import run_sse
    from weighbridge.bench.sse_report import SseOptions, print_sse

    with progress(None) as told:
        report = run_sse(SseOptions(streams=streams), told)
    if json:
        write(json, msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    print_sse(Console(stderr=json == "-"), report)
    if report.faults:
        raise typer.Exit(1)


def _bench_metering(quick: bool, json: str) -> None:
    import msgspec
    from rich.console import Console

    from weighbridge.bench.metering import run_metering
    from weighbridge.bench.metering_report import MeteringOptions, print_metering

    options = MeteringOptions()
    if quick:
        options = msgspec.structs.replace(options, **QUICK_METERING)
    with progress(None) as told:
        report = run_metering(options, told)
    if json:
        write(json, msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    print_metering(Console(stderr=json == "-"), report)
    if report.faults:
        raise typer.Exit(1)


def write(where: str, text: str) -> None:
    """Write to a file, or to standard output for ``-``."""
    if where == "-":
        sys.stdout.write(text)
    else:
        Path(where).write_text(text)


@contextmanager
def progress(steps: int | None) -> Iterator[Callable[[str], None]]:
    """Show what is being done, on standard error and only to a person.

    Args:
        steps: times that the yielded function will be called; None: unknown.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    # Drawn when told, not ten times a second: the drawing would run on a measured core.
    bar = Bar(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with bar:
        task = bar.add_task("", total=steps)
        done = -1

        def told(what: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=what, refresh=True)

        yield told

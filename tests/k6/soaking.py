#!/usr/bin/env python3
"""Half an hour at a steady rate, with an eye on memory; `make soak` calls it.

It starts `weighbridge up`, runs soak.js against it and reads the resident memory of its processes
meanwhile. What came of it is a page with a plot. Exit status: 0 if every promise was kept and the
router's memory stayed flat, 1 if not, 2 if it could not be tried.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from endpoint import HERE, base_of, find_k6, own_endpoint, run_suite
from matplotlib.figure import Figure
from memory import WATCHED, Growth, Sample, Watch, growth
from weighbridge.bench.machine import describe_machine
from weighbridge.local.binaries import find_envoy
from weighbridge_experiments.page import Plot, table, write

MIB = 2**20
MOST_GROWTH = 0.05
_SAMPLES = 360


def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long.")] = 30,
    rate: Annotated[int, typer.Option(min=1, help="Requests a second.")] = 200,
    warm: Annotated[
        float,
        typer.Option(min=0.1, help="Minutes until the router's memory of scores is full."),
    ] = 5,
    out: Annotated[Path, typer.Option(help="Folder of the page and its plot.")] = Path(
        "docs/benchmarks"
    ),
) -> None:
    """Ask at a steady rate for long, and see whether the router's memory stays flat."""
    if warm >= minutes:
        raise typer.BadParameter(f"expected less than --minutes, {minutes:g}", param_hint="--warm")
    k6 = find_k6()
    started = datetime.now(UTC)
    settings = {"RATE": str(rate), "DURATION": f"{minutes * 60:.0f}s"}
    with own_endpoint() as up, tempfile.TemporaryDirectory() as folder:
        watch = Watch(up["pids"], every_s=minutes * 60 / _SAMPLES)
        with watch.running():
            kept = run_suite(k6, "soak", base_of(up["endpoint"]), Path(folder), settings)
        told = json.loads((Path(folder) / "soak.json").read_text(encoding="utf-8"))["metrics"]
    grown = {name: growth(watch.samples, name, warm * 60) for name in WATCHED}
    flat = grown["router"].share <= MOST_GROWTH
    values = {
        "command": f"make soak ARGS='--minutes {minutes:g} --rate {rate}'",
        "date": f"{started:%Y-%m-%d %H:%M} UTC",
        "machine": _machine(),
        "minutes": f"{minutes:g}",
        "rate": f"{rate}",
        "warm": f"{warm:g}",
        "verdict": "kept" if kept and flat else "BROKEN",
        "asked": _asked(told),
        "memory": _memory(grown),
    }
    plot = Plot("memory", lambda figure: _paint(figure, watch.samples, warm))
    for path in write(out, "soak", values, [plot], pages=HERE / "pages"):
        typer.echo(path)
    typer.echo(values["memory"])
    sys.exit(0 if kept and flat else 1)


def _machine() -> str:
    machine = describe_machine(find_envoy())
    return (
        f"{machine.cores} cores ({machine.cpu}), {machine.memory_bytes / 2**30:.0f} GiB, shared by "
        f"clients, Envoy, router and pools"
    )


def _asked(metrics: Mapping[str, Any]) -> str:
    def value(name: str, which: str) -> float:
        # k6 leaves out what never came about.
        return float(metrics.get(name, {}).get("values", {}).get(which, 0))

    rows = [
        ("requests", f"{value('http_reqs', 'count'):,.0f}"),
        ("requests a second", f"{value('http_reqs', 'rate'):.1f}"),
        ("failed", f"{value('failed', 'passes'):.0f}"),
        ("too late to be sent", f"{value('dropped_iterations', 'count'):.0f}"),
        ("not weighed", f"{value('unweighed', 'rate'):.4%}"),
        ("first token, small tier, p95", f"{value('first_token{tier:small}', 'p(95)'):.0f} ms"),
    ]
    return table(("", "seen"), rows)


def _memory(grown: Mapping[str, Growth]) -> str:
    rows = [
        (
            name,
            *(f"{bytes_ / MIB:.1f}" for bytes_ in (of.first, of.warm, of.last, of.most)),
            f"{of.share:+.1%}",
        )
        for name, of in grown.items()
    ]
    return table(("MiB", "at first", "warm", "at the end", "most", "growth since warm"), rows)


def _paint(figure: Figure, samples: list[Sample], warm: float) -> None:
    axes = figure.subplots()
    minutes = [sample.at / 60 for sample in samples]
    for name in WATCHED:
        axes.plot(minutes, [sample.rss[name] / MIB for sample in samples], label=name)
    axes.axvline(warm, linestyle=":", linewidth=1)
    axes.set(xlabel="minutes", ylabel="resident memory, MiB", ylim=(0, None), title="Memory")
    axes.legend()


if __name__ == "__main__":
    typer.run(main)

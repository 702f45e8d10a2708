"""`batching`: what `max_num_seqs`, the number of clients and the size of a block do to one pod."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from weighbridge.learn.report.drawing import panels

from weighbridge_experiments.batching_runs import (
    SECONDS,
    Trial,
    Waste,
    try_pod,
    waste,
    whole_context,
    with_blocks,
)
from weighbridge_experiments.hardware import LARGE, SMALL, Server
from weighbridge_experiments.page import Plot, table, write
from weighbridge_experiments.pod import Engine
from weighbridge_experiments.progress import Step
from weighbridge_experiments.traffic import LENGTHS

SERVERS: Final = {"small": SMALL, "large": LARGE}
PLACES: Final = (8, 16, 32, 64, 128, 256)
CLIENTS: Final = {"small": (4, 16, 64, 128), "large": (16, 64, 256, 512)}
BLOCKS: Final = (1, 8, 16, 32, 64, 128, 256)
CROWDED: Final = 64
"""Clients of the trials with blocks: more than the cache of a small pod holds."""

ENOUGH: Final = 0.95
"""Part of the best throughput that is as good as it."""

Grid = Mapping[tuple[int, int], Trial]
"""By clients and places."""


def run(
    folder: Path, seed: int, command: str, step: Step, *, seconds: float = SECONDS
) -> list[Path]:
    """Try all and write the page; returns what was written."""
    grids = {tier: _grid(tier, server, seed, step, seconds) for tier, server in SERVERS.items()}
    engine = _engine(SMALL)
    told = step("blocks")
    blocks = {}
    for number, each in enumerate(waste(BLOCKS, seed)):
        blocks[each] = try_pod(with_blocks(engine, each.block), CROWDED, seed, seconds)
        told((number + 1) / len(BLOCKS))
    values = {
        "command": command,
        "seed": str(seed),
        "seconds": f"{seconds:,.0f}",
        "prompt": f"{LENGTHS.prompt:g}",
        "answer": f"{LENGTHS.answer:g}",
        "pods": _pods(),
        **{tier: _grid_table(grid, CLIENTS[tier]) for tier, grid in grids.items()},
        "crowded": str(CROWDED),
        "kv_tokens": f"{engine.kv_tokens:,}",
        "blocks": _blocks_table(blocks, whole_context(seed), engine),
        "knees": _knees(grids),
    }
    plots = (
        Plot("places", lambda figure: _paint_places(figure, grids), height=6.0),
        Plot("blocks", lambda figure: _paint_blocks(figure, blocks), height=2.8),
    )
    return write(folder, "batching", values, plots)


def _engine(server: Server, places: int | None = None) -> Engine:
    engine = server.engine(LENGTHS.typical_tokens)
    return replace(engine, max_num_seqs=places) if places else engine


def _grid(tier: str, server: Server, seed: int, step: Step, seconds: float) -> Grid:
    told = step(f"{tier}: places and clients")
    pairs = [(clients, places) for clients in CLIENTS[tier] for places in PLACES]
    trials = {}
    for number, (clients, places) in enumerate(pairs):
        trials[clients, places] = try_pod(_engine(server, places), clients, seed, seconds)
        told((number + 1) / len(pairs))
    return trials


def _pods() -> str:
    rows = [
        [
            f"{tier}: {server.model}, {server.count} x {server.gpu}",
            f"{_engine(server).itl_s * 1000:.1f} ms",
            f"{_engine(server).interference:.1%}",
            f"{_engine(server).kv_tokens:,}",
            f"{_engine(server).kv_tokens / LENGTHS.typical_tokens:,.0f}",
        ]
        for tier, server in SERVERS.items()
    ]
    head = "pod|a token, alone|longer for each that runs|KV cache, tokens|requests in it"
    return table(head.split("|"), rows)


def _grid_table(grid: Grid, numbers: Sequence[int]) -> str:
    rows = [
        [f"{clients} clients", *(_cell(grid[clients, places]) for places in PLACES)]
        for clients in numbers
    ]
    return table(["", *(str(places) for places in PLACES)], rows)


def _cell(trial: Trial) -> str:
    return f"{trial.tokens:,.0f} · {trial.itl_p50 * 1000:.0f} ms · {trial.ttft_p95:.1f} s"


def _blocks_table(blocks: Mapping[Waste, Trial], whole: Waste, engine: Engine) -> str:
    rows = [
        [
            str(each.block),
            f"{each.spare:.1%}",
            str(each.fit(engine.kv_tokens)),
            f"{trial.tokens:,.0f}",
            f"{trial.ttft_p95:.1f}",
            f"{trial.preemptions:.0f}",
        ]
        for each, trial in blocks.items()
    ]
    last = [
        f"{whole.block}, the whole context",
        f"{whole.spare:.1%}",
        str(whole.fit(engine.kv_tokens)),
        *["not tried"] * 3,
    ]
    head = (
        "block, tokens|of it spare|requests that fit|tokens/s|TTFT p95, s"
        "|preemptions for 100 answers"
    )
    return table(head.split("|"), [*rows, last])


def _knees(grids: Mapping[str, Grid]) -> str:
    rows = []
    for tier, grid in grids.items():
        most = max(CLIENTS[tier])
        best = max(PLACES, key=lambda places: grid[most, places].tokens)
        least = next(
            places
            for places in PLACES
            if grid[most, places].tokens >= ENOUGH * grid[most, best].tokens
        )
        rows.append([tier, str(least), *_knee(grid[most, least]), *_knee(grid[most, PLACES[-1]])])
    widest = PLACES[-1]
    head = f"pod|least that does|tokens/s|gap, ms|tokens/s with {widest}|gap, ms, with {widest}"
    return table(head.split("|"), rows)


def _knee(trial: Trial) -> list[str]:
    return [f"{trial.tokens:,.0f}", f"{trial.itl_p50 * 1000:.0f}"]


def _paint_places(figure: Figure, grids: Mapping[str, Grid]) -> None:
    grid_of_axes = iter(panels(figure, 3 * len(grids), 3))
    for tier, grid in grids.items():
        for title, number in _CURVES:
            axes = next(grid_of_axes)
            for clients in CLIENTS[tier]:
                values = [number(grid[clients, places]) for places in PLACES]
                axes.plot(PLACES, values, marker=".", label=f"{clients} clients")
            axes.set_xscale("log", base=2)
            axes.set_xticks(PLACES, [str(places) for places in PLACES])
            axes.set_ylim(0)
            axes.set_title(f"{tier}: {title}")
            axes.set_xlabel("max_num_seqs")
        axes.legend(fontsize=7)


_CURVES: Final[Sequence[tuple[str, Callable[[Trial], float]]]] = (
    ("tokens/s", lambda trial: trial.tokens),
    ("gap p50, ms", lambda trial: trial.itl_p50 * 1000),
    ("TTFT p95, s", lambda trial: trial.ttft_p95),
)


def _paint_blocks(figure: Figure, blocks: Mapping[Waste, Trial]) -> None:
    left, right = panels(figure, 2, 2)
    sizes = [each.block for each in blocks]
    left.plot(sizes, [each.spare * 100 for each in blocks], marker=".")
    left.set_ylabel("spare, %")
    right.plot(sizes, [trial.tokens for trial in blocks.values()], marker=".")
    right.set_ylabel("tokens/s")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_ylim(0)
        axes.set_xlabel("block, tokens")

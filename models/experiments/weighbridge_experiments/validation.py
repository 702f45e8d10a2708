"""`validation`: the simulation beside servers that answer, under the same load; how far off."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from weighbridge.learn.report.drawing import panels

from weighbridge_experiments.comparison import CROWDS, OTHERS, WORDS, Comparison, compare
from weighbridge_experiments.live import ask_servers
from weighbridge_experiments.page import Plot, table, write
from weighbridge_experiments.pod import Engine
from weighbridge_experiments.pool import Plan
from weighbridge_experiments.progress import Step
from weighbridge_experiments.request import Request
from weighbridge_experiments.scaler import Scaling
from weighbridge_experiments.traffic import Crowd, Lengths
from weighbridge_experiments.world import World

PODS: Final = 2
SECONDS: Final = 26.0

ENGINE: Final = Engine(
    ttft_s=0.05,
    prefill_s=0.0002,
    itl_s=0.02,
    interference=0.05,
    max_num_seqs=6,
    kv_tokens=64_000,
)
LENGTHS: Final = Lengths(prompt=160, answer=60, spread=0.8)


@dataclass(frozen=True)
class Load:
    """What is tried.

    Attributes:
        users: how many ask.
        what: what it is to show.
        engine: of both servers.
        lengths: of prompts and answers.
    """

    users: int
    what: str
    engine: Engine = ENGINE
    lengths: Lengths = LENGTHS

    def world(self, seconds: float) -> World:
        """As a scenario."""
        scaling = Scaling(least=PODS, most=PODS)
        plan = Plan(self.engine, dollars_per_hour=0.0, scaling=scaling)
        crowd = Crowd(low=self.users, high=self.users, seconds=seconds, think_s=4.0)
        return World({"only": plan}, crowd, self.lengths)


LOADS: Final = {
    "calm": Load(20, "places are free"),
    "crowded": Load(48, "a queue, as places are taken"),
    "cache short": Load(
        52,
        "a queue, as the KV cache is full, and preemptions",
        replace(ENGINE, max_num_seqs=32, kv_tokens=4608),
        Lengths(prompt=320, answer=120, spread=0.6),
    ),
}


def run(
    folder: Path, seed: int, command: str, step: Step, *, seconds: float = SECONDS
) -> list[Path]:
    """Compare all loads and write the page; returns what was written."""
    found = {}
    for name, load in LOADS.items():
        world = load.world(seconds)
        real = asyncio.run(_ask(world, seed, step(f"{name}, real time")))
        found[name] = compare(world, seed, real)
    values = {
        "command": command,
        "seeds": f"{seed} to {seed + CROWDS - 1}",
        "crowds": str(CROWDS),
        "seconds": f"{seconds:g}",
        "pods": str(PODS),
        "others": str(OTHERS),
        "loads": _loads(),
        "compared": _compared(found),
        "preemptions": ", ".join(f"{each.preemptions} ({name})" for name, each in found.items()),
        "within": str(sum(each.within for each in found.values())),
        "figures": str(len(WORDS) * len(found)),
        "worst_answers": _worst(found, "answers"),
        "worst_itl": _worst(found, "itl_p50"),
        "worst_p50": _worst(found, "ttft_p50"),
        "worst_p95": _worst(found, "ttft_p95"),
    }
    plot = Plot("ttft", lambda figure: _paint(figure, found))
    return write(folder, "validation", values, [plot])


async def _ask(
    world: World, seed: int, told: Callable[[float], object]
) -> Sequence[Sequence[Request]]:
    asked = (ask_servers(world, PODS, seed + number, told) for number in range(CROWDS))
    return await asyncio.gather(*asked)


def _loads() -> str:
    rows = [
        [
            f"{name}: {load.what}",
            str(load.users),
            f"{load.lengths.prompt:g}, {load.lengths.answer:g}",
            str(load.engine.max_num_seqs),
            f"{load.engine.kv_tokens:,}",
        ]
        for name, load in LOADS.items()
    ]
    head = "load|users|tokens of prompt, answer|max_num_seqs|KV cache, tokens"
    return table(head.split("|"), rows)


def _compared(found: Mapping[str, Comparison]) -> str:
    rows = []
    for load, comparison in found.items():
        for name, (words, factor, unit) in WORDS.items():
            low, high = (value * factor for value in comparison.luck(name))
            real = getattr(comparison.real, name) * factor
            simulated = getattr(comparison.simulated, name) * factor
            rows.append(
                [
                    f"{load}: {words}, {unit}",
                    f"{real:,.1f}",
                    f"{simulated:,.1f}",
                    f"{comparison.error(name):+.0%}",
                    f"{low:,.1f} to {high:,.1f}",
                ]
            )
    head = "load: what|real|simulated|off by|simulated, other seeds"
    return table(head.split("|"), rows)


def _worst(found: Mapping[str, Comparison], name: str) -> str:
    return f"{max(abs(each.error(name)) for each in found.values()):.1%}"


def _paint(figure: Figure, found: Mapping[str, Comparison]) -> None:
    grid = panels(figure, len(found), len(found))
    for axes, (name, comparison) in zip(grid, found.items(), strict=True):
        for times, label in zip(comparison.times, ("real", "simulated"), strict=True):
            axes.step(times, np.arange(1, len(times) + 1) / len(times), label=label)
        axes.set_title(name)
        axes.set_xscale("log")
        axes.set_xlabel("TTFT, s")
        axes.legend(loc="lower right")

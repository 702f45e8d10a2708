"""A whole side by side: options in, a `PeersReport` out."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from weighbridge.bench.load import LoadResult
from weighbridge.bench.machine import Machine, describe_machine
from weighbridge.bench.peers.environment import cache_folder, ensure_environment, version
from weighbridge.bench.peers.envoy import Side
from weighbridge.bench.peers.report import (
    AtRate,
    Memory,
    PeersCase,
    PeersOptions,
    PeersReport,
    PeersRound,
    at_rate,
    other_faults,
)
from weighbridge.bench.peers.rig import PROCESSES, PeersRig, peers_rig, seconds_to_first_answer
from weighbridge.bench.prompts import CASES
from weighbridge.bench.run import require_cases
from weighbridge.bench.startup import seconds_to_serving
from weighbridge.bench.statistics import Spread, spread
from weighbridge.local.binaries import find_envoy

Progress = Callable[[str], None]
"""Told, before each step, what it is; `peers_steps` says how many there will be."""

_WARM_S: Final = 1.0


def peers_steps(options: PeersOptions) -> int:
    """Steps that `run_peers` takes."""
    soak = len(Side) if options.soak else 0
    turns = options.rounds * len(Side) * (len(options.cases) + bool(options.rates))
    return 1 + 2 * options.starts + len(Side) + turns + soak


def run_peers(options: PeersOptions, progress: Progress = lambda _: None) -> PeersReport:
    """Measure all targets in one run.

    Must be called in the main thread: the leash of the processes belongs to it.

    Raises:
        LocalError: for what is missing or breaks on this machine, a LiteLLM that can't be installed
            or does not start included. Requests that fail are no error here but `faults`.
    """
    require_cases(options.cases)
    machine = describe_machine(find_envoy())
    progress("LiteLLM's environment")
    python = ensure_environment(cache_folder())
    return asyncio.run(_run(options, machine, python, progress))


async def _run(
    options: PeersOptions, machine: Machine, python: Path, progress: Progress
) -> PeersReport:
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    starts = await _starts(options.starts, python, progress)
    async with peers_rig(python) as rig:
        bench = _Bench(options, rig, progress)
        fresh = rig.memory()
        await bench.warm_up()
        rates = await bench.rates()
        await bench.soak()
        cases = [await bench.case(name) for name in options.cases]
        loaded = rig.memory()
    return PeersReport(
        started_at=started_at,
        machine=machine,
        litellm=version(),
        options=options,
        cases=cases,
        rates=rates,
        seconds_to_first=starts,
        memory={name: Memory(fresh[name], loaded[name]) for name in PROCESSES},
        faults=bench.faults,
    )


async def _starts(count: int, python: Path, progress: Progress) -> dict[Side, Spread]:
    ways: dict[Side, Callable[[], Awaitable[float]]] = {
        Side.ROUTER: seconds_to_serving,
        Side.LITELLM: partial(seconds_to_first_answer, python),
    }
    taken: dict[Side, list[float]] = {side: [] for side in ways}
    for number in range(count):
        for side, start in ways.items():
            progress(f"start {number + 1} of {side}")
            taken[side].append(await start())
    return {side: spread(seconds) for side, seconds in taken.items() if seconds}


class _Bench:
    """The measurements of one run, and the faults met on the way."""

    def __init__(self, options: PeersOptions, rig: PeersRig, progress: Progress) -> None:
        self.faults: list[str] = []
        self._options = options
        self._rig = rig
        self._progress = progress

    async def warm_up(self) -> None:
        """Let every process meet its first requests, and those that weigh show that they do."""
        await self._rig.require_weighing()
        for side in Side:
            self._progress(f"warm-up: {side}")
            result = await self._rig.load(
                side, self._options.cases[0], connections=4, seconds=_WARM_S, warmup_s=0.0
            )
            self._check(result.faults(), f"warm-up, {side}")

    async def rates(self) -> dict[Side, list[list[AtRate]]]:
        """Measure latency at fixed rates: all targets in turn, round after round."""
        turns: dict[Side, list[list[AtRate]]] = {side: [] for side in Side}
        for number in range(1, self._options.rounds + 1) if self._options.rates else ():
            for side in Side:
                where = f"rates, round {number}, {side}"
                self._progress(where)
                turns[side].append(await self._rates_of(side, where))
        return turns

    async def _rates_of(self, side: Side, where: str) -> list[AtRate]:
        turns: list[AtRate] = []
        for rate in self._options.rates:
            if turns and turns[-1].saturated:
                # More than what was too much already is not tried.
                turns.append(AtRate(rate, saturated=True))
                continue
            load = self._load(side, self._options.cases[0], self._options.connections)
            result = await load(rate=rate)
            self._check(other_faults(result), f"{where}, {rate:g}/s")
            turns.append(at_rate(rate, result))
        return turns

    async def case(self, name: str) -> PeersCase:
        """Measure one size of request: all targets in turn, round after round."""
        case = CASES[name]
        rounds: dict[Side, list[PeersRound]] = {side: [] for side in Side}
        for number in range(1, self._options.rounds + 1):
            for side in Side:
                where = f"{case.label}, round {number}, {side}"
                self._progress(where)
                single = await self._load(side, name, 1)()
                self._check(single.faults(), f"{where}, latency")
                loaded = await self._load(side, name, self._options.connections)()
                self._check(other_faults(loaded), f"{where}, throughput")
                rounds[side].append(PeersRound(single, loaded))
        return PeersCase(name, case.label, case.body_bytes, rounds)

    async def soak(self) -> None:
        """Send as many small requests through every target, before memory is looked at again."""
        for side in Side if self._options.soak else ():
            self._progress(f"{self._options.soak:,} requests: {side}")
            result = await self._rig.load(
                side,
                self._options.cases[0],
                connections=self._options.connections,
                seconds=0.0,
                warmup_s=0.0,
                requests=self._options.soak,
            )
            self._check(result.faults(), f"soak, {side}")

    def _load(
        self, side: Side, case: str, connections: int
    ) -> partial[Coroutine[Any, Any, LoadResult]]:
        options = self._options
        return partial(
            self._rig.load,
            side,
            case,
            connections=connections,
            seconds=options.seconds,
            warmup_s=options.warmup_s,
        )

    def _check(self, faults: Iterable[str], where: str) -> None:
        self.faults += [f"{where}: {fault}" for fault in faults]

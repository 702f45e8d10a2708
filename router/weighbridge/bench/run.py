"""A whole benchmark: options in, a `Report` out."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from weighbridge.bench.envoy import Target
from weighbridge.bench.load import LoadResult
from weighbridge.bench.machine import Machine, describe_machine
from weighbridge.bench.prompts import CASES
from weighbridge.bench.report import CaseReport, Options, Report, Round, Soak, summarise
from weighbridge.bench.rig import Rig, bench_rig
from weighbridge.bench.startup import seconds_to_serving
from weighbridge.bench.statistics import Spread, spread
from weighbridge.errors import LocalError
from weighbridge.local.binaries import find_envoy

Progress = Callable[[str], None]
"""Told, before each step, what it is; `steps` says how many there will be."""

_SOAK_CASE = "small"


def steps(options: Options) -> int:
    """Steps that `run_bench` takes."""
    rounds = len(options.cases) * options.rounds * len(Target)
    return options.starts + len(Target) + rounds + bool(options.soak)


def run_bench(options: Options, progress: Progress = lambda _: None) -> Report:
    """Measure.

    Must be called in the main thread: the leash of the processes belongs to it.

    Raises:
        LocalError: for what is missing or breaks on this machine. Requests that fail are no
            error here but `faults` of the report.
    """
    require_cases(options.cases)
    machine = describe_machine(find_envoy())
    return asyncio.run(_run(options, machine, progress))


def require_cases(names: Sequence[str]) -> None:
    """Make sure that all sizes of request are known.

    Raises:
        LocalError: naming those that are not, and those that are.
    """
    unknown = sorted(set(names) - set(CASES))
    if unknown or not names:
        raise LocalError(f"--cases: expected some of {', '.join(CASES)}, came {', '.join(unknown)}")


async def _run(options: Options, machine: Machine, progress: Progress) -> Report:
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    to_serving = await _starts(options.starts, progress)
    async with bench_rig() as rig:
        bench = _Bench(options, rig, progress)
        fresh = rig.router_rss()
        await bench.warm_up()
        cases = [await bench.case(name) for name in options.cases]
        soak = await bench.soak(fresh) if options.soak else None
    return Report(
        started_at=started_at,
        machine=machine,
        options=options,
        cases=cases,
        seconds_to_serving=to_serving,
        soak=soak,
        faults=bench.faults,
    )


async def _starts(count: int, progress: Progress) -> Spread | None:
    taken = []
    for number in range(count):
        progress(f"start {number + 1} of the router")
        taken.append(await seconds_to_serving())
    return spread(taken) if taken else None


class _Bench:
    """The measurements of one run, and the faults met on the way."""

    def __init__(self, options: Options, rig: Rig, progress: Progress) -> None:
        self.faults: list[str] = []
        self._options = options
        self._rig = rig
        self._progress = progress

    async def warm_up(self) -> None:
        """Let every process meet its first requests before anything counts."""
        for target in Target:
            self._progress(f"warm-up: {target}")
            result, _ = await self._rig.load(
                target, self._options.cases[0], connections=4, seconds=1.0, warmup_s=0.0
            )
            self._check(result, f"warm-up, {target}")

    async def case(self, name: str) -> CaseReport:
        """Measure one size of request: all targets in turn, round after round."""
        case = CASES[name]
        rounds: dict[Target, list[Round]] = {target: [] for target in Target}
        for number in range(1, self._options.rounds + 1):
            for target in Target:
                where = f"{case.label}, round {number}, {target}"
                self._progress(where)
                rounds[target].append(await self._round(target, name, where))
        return CaseReport(
            name=name,
            label=case.label,
            body_bytes=case.body_bytes,
            targets=summarise(rounds),
            rounds=rounds,
        )

    async def _round(self, target: Target, case: str, where: str) -> Round:
        options = self._options
        load = partial(
            self._rig.load, target, case, seconds=options.seconds, warmup_s=options.warmup_s
        )
        one_by_one = options.rate is None
        single, _ = await load(
            connections=1 if one_by_one else options.connections, rate=options.rate
        )
        self._check(single, f"{where}, latency")
        loaded, micros = await load(connections=options.connections)
        self._check(loaded, f"{where}, throughput")
        return Round(single, loaded, micros)

    async def soak(self, fresh_bytes: int) -> Soak:
        """Send many small requests through the router and look at its memory."""
        self._progress(f"{self._options.soak:,} requests through the router")
        before = self._rig.router_rss()
        result, micros = await self._rig.load(
            Target.ROUTER,
            _SOAK_CASE,
            connections=self._options.connections,
            seconds=0.0,
            warmup_s=0.0,
            requests=self._options.soak,
        )
        self._check(result, "soak")
        return Soak(
            requests=result.answered,
            rss_fresh_bytes=fresh_bytes,
            rss_before_bytes=before,
            rss_after_bytes=self._rig.router_rss(),
            cpu_micros=micros,
            requests_per_s=result.requests_per_s,
        )

    def _check(self, result: LoadResult, where: str) -> None:
        self.faults += [f"{where}: {fault}" for fault in result.faults()]

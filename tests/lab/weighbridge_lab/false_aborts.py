"""How often a healthy canary is given up: rollout after rollout of versions that are equally noisy.

Latencies spread widely, some answers stall half way, and stable does the same. What is given up
then is given up by chance. Comes as tables: what became of each rollout, and what each metric's
measurements were.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from weighbridge_lab.canaries import POOLS, CanaryLab, Version
from weighbridge_lab.change import Change, Measurement
from weighbridge_lab.chronicle import Chronicle
from weighbridge_lab.errors import LabError
from weighbridge_lab.reports import report
from weighbridge_lab.traffic import Traffic

NOISE: Final = (
    *("--ttft-jitter=0.3", "--itl-jitter=0.5"),
    *("--stall-rate=0.02", "--stall-seconds=0.5"),
)
"""Flags of both versions: first tokens spread by a third of their mean, the others by half, and one
answer in fifty stalls."""
LIMITS: Final = {"gates": {"itl": {"p95Seconds": 0.2}}}
"""Twice what such a pool has, as docs/canaries.md advises."""
_PATIENCE_S: Final = 180.0
_DOUBT: Final = 0.05


@dataclass(frozen=True)
class Outcome:
    """What became of one rollout.

    Attributes:
        pool: whose.
        end: promoted, aborted, paused.
        seconds: that it took.
        told: the Rollout's message, where it was not promoted.
        measurements: of its analyses.
    """

    pool: str
    end: str
    seconds: float
    told: str
    measurements: Sequence[Measurement]


def roll_out(lab: CanaryLab, chronicle: Chronicle, pool: str, times: int) -> list[Outcome]:
    """Push healthy versions of a pool, one after the other, each to its end."""
    return [_one(Change(lab, chronicle, pool)) for _ in range(times)]


def _one(change: Change) -> Outcome:
    change.push(Version.new(*NOISE))
    with suppress(LabError):  # its end says so
        change.until_settled(_PATIENCE_S)
    seconds, told = time.time() - change.began, change.status.get("message", "")
    outcome = Outcome(change.pool, change.end, seconds, told, change.measurements())
    if outcome.end != "promoted":
        change.promote()
    return outcome


def most_likely_at_most(bad: int, times: int, doubt: float = _DOUBT) -> float:
    """Give the share that the true one is not above, but for `doubt` (Clopper and Pearson).

    `bad` of `times` were seen.
    """
    low, high = bad / times, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(bad, times, middle) > doubt else (low, middle)
    return high


def _at_most(bad: int, times: int, share: float) -> float:
    chance, total = (1 - share) ** times, 0.0
    for number in range(bad + 1):
        total += chance
        chance *= (times - number) / (number + 1) * share / (1 - share) if share < 1 else 0.0
    return total


def tables(outcomes: Sequence[Outcome]) -> str:
    """Write what became of rollouts and measurements as Markdown."""
    ends = Counter(outcome.end for outcome in outcomes)
    times, aborted = len(outcomes), ends["aborted"]
    most = most_likely_at_most(aborted, times)
    took = sorted(outcome.seconds for outcome in outcomes)
    lines = [
        f"{times} rollouts of healthy, noisy versions: "
        + ", ".join(f"{count} {end}" for end, count in ends.most_common())
        + f"; {took[len(took) // 2]:.0f} s each (median).",
        f"False aborts: {aborted / times:.0%}; 95 % confidence: at most {most:.1%}.",
        *(f"{each.pool} {each.end}: {each.told}" for each in outcomes if each.end != "promoted"),
        "",
        "| metric | measurements | good | bad | without verdict | errors | greatest |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        *_rows(each for outcome in outcomes for each in outcome.measurements),
    ]
    return "\n".join(lines)


def _rows(measurements: Iterable[Measurement]) -> Iterable[str]:
    by_metric: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        by_metric.setdefault(measurement.metric, []).append(measurement)
    for metric, found in sorted(by_metric.items()):
        phases = Counter(each.phase for each in found)
        counts = [phases[name] for name in ("Successful", "Failed", "Inconclusive", "Error")]
        values = [value for each in found if (value := each.number) is not None]
        greatest = f"{max(values):.3f}" if values else "-"
        cells = [metric, str(len(found)), *map(str, counts), greatest]
        yield f"| {' | '.join(cells)} |"


def command(
    rollouts: Annotated[int, typer.Option(min=2, help="How many; an even number.")] = 20,
    rate: Annotated[float, typer.Option(min=1, help="Requests a second, to both tiers.")] = 60.0,
) -> None:
    """Roll out healthy, noisy versions again and again, and count those that are given up."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-false-aborts-") as folder:
        lab = CanaryLab(Path(folder) / "state", report=report())
        lab.start()
        try:
            lab.install_rollouts(LIMITS)
            noise = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start."
            typer.echo(tables(_all(lab, rollouts // 2, rate)))
            typer.echo(f"\nBoth versions: {' '.join(NOISE)}. {noise}")
        finally:
            lab.stop()


def _all(lab: CanaryLab, times: int, rate: float) -> list[Outcome]:
    """Roll out both pools side by side, under traffic."""
    with Chronicle(lab.cluster) as chronicle, Traffic(lab.gateway, rate=rate, max_tokens=8):
        chronicle.until_known("rollout", POOLS.values())
        # Stable is as noisy as what comes after it.
        for pool in POOLS.values():
            lab.ship(pool, Version.new(*NOISE))
        for pool in POOLS.values():
            Change(lab, chronicle, pool).promote()
        with ThreadPoolExecutor() as side:
            running = [
                side.submit(roll_out, lab, chronicle, pool, times) for pool in POOLS.values()
            ]
            return [outcome for future in running for outcome in future.result()]

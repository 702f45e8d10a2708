"""Rollouts on paper: noisy latencies in; out, how gates end healthy canaries and sick ones.

No cluster: requests are drawn second by second, counted in vLLM's buckets, and judged by the
limits, windows and counts of the chart and its presets. Run as a programme it prints the table that
docs/adr/0021 shows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from weighbridge_simulator.metrics import ITL_BUCKETS, TTFT_BUCKETS

CHART = Path(__file__).parents[2] / "rollouts" / "chart"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
PRESETS = yaml.safe_load((CHART / "files" / "presets.yaml").read_text(encoding="utf-8"))
WINDOW_S = 120
# Quantile that stands for the least that a percentile may be, below a count of requests.
LEAST_P95 = ((50, 0.75), (100, 0.8), (200, 0.86), (500, 0.88), (2000, 0.91), (math.inf, 0.93))
LEAST_ITL = ((50, 0.8), (100, 0.85), (200, 0.88), (500, 0.9), (2000, 0.92), (math.inf, 0.935))
LEAST_P99 = ((1000, 0.96), (math.inf, 0.975))
_UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Health:
    """What a version is like.

    Attributes:
        ttft: multiple of the pool's time to first token.
        itl: multiple of its time between tokens.
        errors: share of requests that end in 5xx.
    """

    ttft: float = 1.0
    itl: float = 1.0
    errors: float = 0.001


@dataclass(frozen=True)
class Traffic:
    """What comes in, and how noisy answers are.

    Attributes:
        rate: requests a second of the tier.
        spread: of times to first token, as the sigma of a lognormal.
        surges: share of seconds in which the whole pool takes three times as long.
    """

    rate: float
    spread: float = 0.8
    surges: float = 0.05


@dataclass(frozen=True)
class Outcome:
    """How a rollout ended.

    Attributes:
        end: `promoted`, `paused` or `aborted`.
        gate: that decided, if it was not promoted.
        intervals: from the gate's first bad measurement to its last.
        touched: share of all requests until the end that the canary answered.
    """

    end: str
    gate: str = ""
    intervals: int = 0
    touched: float = 0.0


def seconds(duration: str) -> int:
    """A duration as the chart writes it."""
    return int(duration[:-1]) * _UNITS[duration[-1]]


class Rollout:
    """One rollout; everything in it is drawn from `generator`."""

    def __init__(self, traffic: Traffic, canary: Health, preset: str, seed: int) -> None:
        self.preset: dict[str, Any] = PRESETS[preset]
        self.limits: dict[str, Any] = VALUES["gates"]
        self.analysis: dict[str, Any] = VALUES["defaults"]["analysis"]
        self.traffic, self.health = traffic, {"canary": canary, "stable": Health()}
        self.generator = np.random.default_rng(seed)
        self.seconds: dict[str, list[tuple[np.ndarray, np.ndarray, int]]] = {
            "canary": [],
            "stable": [],
        }
        self.bad: dict[str, list[int]] = {}
        self.asked = {"canary": 0, "stable": 0}
        self.measured = 0

    def run(self) -> Outcome:
        """Walk through the weights, a pause and an analysis each."""
        interval, wanted = seconds(self.preset["interval"]), self.preset["successes"]
        pauses = self.preset["pauses"]
        for index, weight in enumerate(self.preset["weights"]):
            pause = seconds(pauses[min(index, len(pauses) - 1)])
            good, unsure = dict.fromkeys(self._steps(weight), 0), 0
            elapsed = 0
            while min(good.values()) < wanted:
                self._pass(interval, weight / 100)
                elapsed += interval
                verdicts = self._measure()
                if gate := self._too_bad(verdicts):
                    return self._ended("aborted", gate)
                if elapsed <= pause:
                    continue
                for gate in good:
                    good[gate] = min(wanted, good[gate] + 1) if verdicts[gate] else good[gate]
                unsure += any(verdicts[gate] is None and good[gate] < wanted for gate in good)
                if unsure > self.analysis["inconclusives"]:
                    return self._ended("paused", "no verdict")
        return self._ended("promoted", "")

    def _steps(self, weight: int) -> list[str]:
        gates = ["ttft", "itl", "errors"]
        return gates if weight == 100 else [*gates, "ttftAgainstStable", "itlAgainstStable"]

    def _ended(self, end: str, gate: str) -> Outcome:
        intervals = self.bad[gate][-1] - self.bad[gate][0] if gate in self.bad else 0
        share = self.asked["canary"] / max(1, sum(self.asked.values()))
        return Outcome(end, gate, intervals, share)

    def _too_bad(self, verdicts: dict[str, bool | None]) -> str:
        self.measured += 1
        for gate, good in verdicts.items():
            if good is False:
                self.bad.setdefault(gate, []).append(self.measured)
                if len(self.bad[gate]) > self.analysis["failures"]:
                    return gate
        return ""

    def _pass(self, length: int, weight: float) -> None:
        draw = self.generator
        for _ in range(length):
            surge = 3.0 if draw.random() < self.traffic.surges else 1.0
            for version, share in (("canary", weight), ("stable", 1 - weight)):
                count = int(draw.poisson(self.traffic.rate * share))
                self.asked[version] += count
                self.seconds[version].append(self._second(self.health[version], count, surge))
                del self.seconds[version][:-WINDOW_S]

    def _second(
        self, health: Health, count: int, surge: float
    ) -> tuple[np.ndarray, np.ndarray, int]:
        draw = self.generator
        ttft = 0.3 * health.ttft * surge * draw.lognormal(0, self.traffic.spread, count)
        # Tokens of one answer are slow together.
        means = 0.02 * health.itl * draw.lognormal(0, 0.3, (count, 1))
        itl = (means * draw.lognormal(0, 0.3, (count, 30))).ravel()
        errors = int(draw.binomial(count, health.errors))
        return _bucketed(ttft, TTFT_BUCKETS), _bucketed(itl, ITL_BUCKETS), errors

    def _measure(self) -> dict[str, bool | None]:
        new, old = self._recorded("canary"), self._recorded("stable")
        limits, least = self.limits, self.analysis["minRequests"]
        enough, both = new["count"] >= least, min(new["count"], old["count"]) >= least
        tail = new["count"] >= self.analysis["tailMinRequests"]
        ratio, fewest = limits["errors"]["ratio"], limits["errors"]["fewest"]
        share = new["errors"] / max(1, new["count"]) * (new["errors"] >= fewest)
        return {
            "ttft": _absolute(enough, "p95", new, old, limits["ttft"]["p95Seconds"]),
            "ttftTail": _absolute(tail, "p99", new, old, limits["ttftTail"]["p99Seconds"]),
            "itl": _absolute(enough, "itl", new, old, limits["itl"]["p95Seconds"]),
            "ttftAgainstStable": _against(both, "p95", new, old, limits["ttftAgainstStable"]),
            "itlAgainstStable": _against(both, "itl", new, old, limits["itlAgainstStable"]),
            "errors": bool(share <= ratio) if enough else None,
        }

    def _recorded(self, version: str) -> dict[str, float]:
        kept = self.seconds[version]
        ttft = np.sum([second[0] for second in kept], axis=0)
        itl = np.sum([second[1] for second in kept], axis=0)
        count = int(ttft.sum())
        least = next(q for below, q in LEAST_P95 if count < below)
        tokens = next(q for below, q in LEAST_ITL if count < below)
        tail = next(q for below, q in LEAST_P99 if count < below)
        return {
            "count": count,
            "p95": quantile(0.95, ttft, TTFT_BUCKETS),
            "p95 at least": quantile(least, ttft, TTFT_BUCKETS),
            "p99": quantile(0.99, ttft, TTFT_BUCKETS),
            "p99 at least": quantile(tail, ttft, TTFT_BUCKETS),
            "itl": quantile(0.95, itl, ITL_BUCKETS),
            "itl at least": quantile(tokens, itl, ITL_BUCKETS),
            "errors": sum(second[2] for second in kept),
        }


def quantile(q: float, counts: np.ndarray, bounds: tuple[float, ...]) -> float:
    """As Prometheus' histogram_quantile finds it: by a straight line within a bucket."""
    total = counts.sum()
    if not total:
        return float("nan")
    rising = np.cumsum(counts)
    rank = q * total
    bucket = int(np.searchsorted(rising, rank))
    if bucket >= len(bounds):
        return bounds[-1]
    lower, below = (bounds[bucket - 1], rising[bucket - 1]) if bucket else (0.0, 0)
    return float(lower + (bounds[bucket] - lower) * (rank - below) / counts[bucket])


def _bucketed(values: np.ndarray, bounds: tuple[float, ...]) -> np.ndarray:
    return np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)


def _absolute(
    enough: bool, name: str, new: Mapping[str, float], old: Mapping[str, float], limit: float
) -> bool | None:
    if not enough or (new[name] > limit and old[name] > limit):
        return None
    return _decided(new[f"{name} at least"], new[name], limit)


def _against(
    enough: bool,
    name: str,
    new: Mapping[str, float],
    old: Mapping[str, float],
    limits: Mapping[str, float],
) -> bool | None:
    if not enough:
        return None
    floor = limits["floorSeconds"]
    stable = max(old[name], floor)
    least, likely = max(new[f"{name} at least"], floor), max(new[name], floor)
    return _decided(least / stable, likely / stable, limits["ratio"])


def _decided(least: float, likely: float, limit: float) -> bool | None:
    if least > limit:
        return False
    return True if likely <= limit else None


def trials(traffic: Traffic, canary: Health, preset: str, count: int) -> list[Outcome]:
    """Run `count` rollouts, each with a seed of its own."""
    return [Rollout(traffic, canary, preset, seed).run() for seed in range(count)]


CANARIES = {
    "healthy": Health(),
    "TTFT x 4": Health(ttft=4),
    "ITL x 3": Health(itl=3),
    "5 % errors": Health(errors=0.05),
}


NOISE = (Traffic(20), Traffic(20, spread=1.1), Traffic(50))


def main(count: int = 20) -> None:
    """Print the table."""
    print(  # noqa: T201
        "canary      preset    req/s  spread  promoted  paused  aborted  canary's share of requests"
    )
    for (name, health), preset, traffic in product(CANARIES.items(), PRESETS, NOISE):
        ended = trials(traffic, health, preset, count)
        promoted, paused, aborted = (
            sum(outcome.end == end for outcome in ended)
            for end in ("promoted", "paused", "aborted")
        )
        touched = sum(outcome.touched for outcome in ended) / count
        print(  # noqa: T201
            f"{name:12}{preset:10}{traffic.rate:5}  {traffic.spread:6}  {promoted:8}  {paused:6}  "
            f"{aborted:7}  {touched:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

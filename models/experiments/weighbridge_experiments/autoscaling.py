"""`autoscaling`: 5,000 users, tiers of 1 to 10 pods, spot nodes; the waits and the bill, a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weighbridge_experiments import hardware
from weighbridge_experiments.autoscaling_runs import MONTH_HOURS, Result, measure, scenarios
from weighbridge_experiments.hardware import LARGE, SMALL, Server
from weighbridge_experiments.measure import spread
from weighbridge_experiments.page import Plot, table, write
from weighbridge_experiments.pool import Spot
from weighbridge_experiments.progress import Step
from weighbridge_experiments.scaler import DEFAULTS
from weighbridge_experiments.traffic import CROWD, LENGTHS, Crowd
from weighbridge_experiments.world import simulate

SEEDS: Final = 3
"""Runs of each scenario, with the seed and those that follow."""

Results = Mapping[str, Sequence[Result]]


def run(
    folder: Path, seed: int, command: str, step: Step, *, crowd: Crowd = CROWD, seeds: int = SEEDS
) -> list[Path]:
    """Simulate all scenarios and write the page; returns what was written."""
    results: dict[str, list[Result]] = {}
    for name, world in scenarios(crowd).items():
        for each in range(seed, seed + seeds):
            told = step(f"{name}, seed {each}")
            results.setdefault(name, []).append(measure(world, simulate(world, each, told)))
    values = {
        "command": command,
        "seeds": f"{seed} to {seed + seeds - 1}",
        **_assumed(crowd),
        **_found(results),
    }
    plots = (
        Plot("pods", lambda figure: _paint_pods(figure, results, crowd), height=9.6),
        Plot("cost", lambda figure: _paint_cost(figure, results), height=3.4),
    )
    return write(folder, "autoscaling", values, plots)


def _assumed(crowd: Crowd) -> dict[str, str]:
    spot = Spot()
    return {
        "users": f"{crowd.high:,}",
        "low": f"{crowd.low:,}",
        "hours": f"{crowd.seconds / 3600:g}",
        "think": f"{crowd.think_s:g}",
        "prompt": f"{LENGTHS.prompt:g}",
        "answer": f"{LENGTHS.answer:g}",
        "spread": f"{LENGTHS.spread:g}",
        "most": f"{DEFAULTS.most}",
        "per_hour": f"{spot.per_hour:.0%}",
        "notice": f"{spot.notice_s:g}",
        "price": f"{spot.price:.0%}",
        "dark": f"{LARGE.cold_start_s / 60:g}",
        "dark_month": f"{spot.per_hour * MONTH_HOURS * LARGE.cold_start_s / 3600:.1f}",
        "bandwidth": f"{hardware.BANDWIDTH_PART:.0%}",
        "flops": f"{hardware.FLOPS_PART:.0%}",
        "step_ms": f"{hardware.STEP_S * 1000:g}",
        "pods": table(_POD_HEAD.split("|"), [_pod("small", SMALL), _pod("large", LARGE)]),
    }


_POD_HEAD: Final = (
    "pod|a token, alone|a token, full|tokens/s, full|prompt token|KV cache, tokens|cold start"
    "|dollars/h"
)


def _pod(tier: str, server: Server) -> list[str]:
    engine = server.engine(LENGTHS.typical_tokens)
    running = min(engine.max_num_seqs, int(engine.kv_tokens / LENGTHS.typical_tokens))
    return [
        f"{tier}: {server.model}, FP8, {server.count} x {server.gpu}",
        f"{engine.itl_s * 1000:.1f} ms",
        f"{engine.token_s(running) * 1000:.1f} ms at {running}",
        f"{running / engine.token_s(running):,.0f}",
        f"{engine.prefill_s * 1e6:.0f} µs",
        f"{engine.kv_tokens:,}",
        f"{server.cold_start_s / 60:g} min",
        f"{server.dollars_per_hour:.2f}",
    ]


def _found(results: Results) -> dict[str, str]:
    month = {name: float(np.median([run.month for run in runs])) for name, runs in results.items()}
    tiers = month["tiers, on demand"]
    return {
        "waits": _waits(results),
        "tiers": _tiers(results),
        "costs": _costs(results),
        "saving": f"{1 - tiers / month['all to large, on demand']:.0%}",
        "capped_saving": f"{1 - tiers / month['all to large, 3 pods at most']:.0%}",
        "safe_saving": f"{1 - month['tiers, spot but for one pod each'] / tiers:.0%}",
    }


def _waits(results: Results) -> str:
    head = "scenario|requests|TTFT p50, s|p95, s|p99, s|longest queue|interruptions|cut|refused"
    rows = [
        [
            name,
            spread(runs, lambda run: run.requests, ",.0f"),
            spread(runs, lambda run: run.ttft.p50),
            spread(runs, lambda run: run.ttft.p95),
            spread(runs, lambda run: run.ttft.p99),
            spread(runs, lambda run: run.queue, ",.0f"),
            spread(runs, lambda run: run.interruptions, ",.0f"),
            spread(runs, lambda run: run.cut, ",.0f"),
            spread(runs, lambda run: run.refused, ",.0f"),
        ]
        for name, runs in results.items()
    ]
    return table(head.split("|"), rows)


def _tiers(results: Results) -> str:
    head = "scenario: tier|TTFT p50, s|p99, s|pods paid, mean|most pods up|KV cache in use"
    rows = [
        [f"{name}: {tier}", *_tier(runs, tier)]
        for name, runs in results.items()
        for tier in runs[0].by_tier
    ]
    return table(head.split("|"), rows)


def _tier(runs: Sequence[Result], tier: str) -> list[str]:
    return [
        spread(runs, lambda run: run.by_tier[tier].p50),
        spread(runs, lambda run: run.by_tier[tier].p99),
        spread(runs, lambda run: run.pods(tier), ".1f"),
        spread(runs, lambda run: run.most_pods(tier), ".0f"),
        spread(runs, lambda run: run.kv_usage(tier), ".0%"),
    ]


def _costs(results: Results) -> str:
    head = "scenario|dollars a month|of it small|of it large|dollars for 1,000 answers"
    rows = [
        [
            name,
            spread(runs, lambda run: run.month, ",.0f"),
            spread(runs, lambda run: run.tier_month("small"), ",.0f"),
            spread(runs, lambda run: run.tier_month("large"), ",.0f"),
            spread(runs, lambda run: run.per_thousand),
        ]
        for name, runs in results.items()
    ]
    return table(head.split("|"), rows)


def _paint_pods(figure: Figure, results: Results, crowd: Crowd) -> None:
    users, *others = figure.subplots(len(results) + 1, 1, sharex=True)
    moments = np.linspace(0, crowd.seconds, 200)
    users.plot(moments / 3600, [crowd.users(now) for now in moments], color="#6a737d")
    users.set_title("users")
    for axes, (name, runs) in zip(others, results.items(), strict=True):
        _paint_scenario(axes, name, runs[0])
    others[-1].set_xlabel("hours")


def _paint_scenario(axes: Axes, name: str, run: Result) -> None:
    for tier, colour in (("small", "C0"), ("large", "C1")):
        if tier not in run.bills:
            continue
        looks = run.bills[tier].looks
        hours = [look.at / 3600 for look in looks]
        up, paid = [look.pods for look in looks], [look.paid for look in looks]
        axes.step(hours, up, color=colour, label=f"{tier}, up")
        axes.step(hours, paid, color=colour, lw=0.8, ls=":", label=f"{tier}, paid")
    axes.set_title(f"pods: {name}")
    axes.set_ylim(0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def _paint_cost(figure: Figure, results: Results) -> None:
    axes = figure.subplots()
    left = np.zeros(len(results))
    for tier in ("small", "large"):
        costs = [np.median([run.tier_month(tier) for run in runs]) for runs in results.values()]
        axes.barh(list(results), costs, left=left, label=tier)
        left += np.array(costs)
    axes.invert_yaxis()
    axes.set_xlabel("dollars a month, median over the seeds")
    axes.legend()

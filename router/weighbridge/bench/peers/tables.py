"""A `PeersReport` in, its tables and sentences out, for a terminal and for a page."""

from collections.abc import Iterator
from typing import Final

from rich.console import Console

from weighbridge.bench.peers.envoy import Side
from weighbridge.bench.peers.report import AtRate, PeersReport, carried
from weighbridge.bench.report import noise_in_words
from weighbridge.bench.statistics import Spread
from weighbridge.bench.tables import Sheet, mebibytes, print_sheets, ranged

NAMES: Final = {
    Side.PLAIN: "plain Envoy",
    Side.EMPTY: "empty handler",
    Side.ROUTER: "router",
    Side.LITELLM: "LiteLLM",
}
SATURATED: Final = "saturated"
THROUGHPUT_AIM: Final = 25
ADDED_AIM: Final = 8
_OVER_PLAIN: Final = (Side.EMPTY, Side.ROUTER, Side.LITELLM)


def print_peers(console: Console, report: PeersReport) -> None:
    """Print everything, faults last and loudest."""
    print_sheets(console, sheets(report), notes(report), report.faults)


def sheets(report: PeersReport) -> Iterator[Sheet]:
    """Make the tables."""
    yield _one_at_a_time(report)
    if report.options.rates:
        yield _at_rates(report)
    yield _throughput(report)
    yield _ratios(report)
    yield _processes(report)


def notes(report: PeersReport) -> Iterator[str]:
    """Say in sentences what the tables rest on."""
    options, machine = report.options, report.machine
    starts = {side: ranged(taken, 2) for side, taken in report.seconds_to_first.items()}
    if starts:
        yield (
            f"From process start: router to SERVING {starts[Side.ROUTER]} s; LiteLLM to its first "
            f"answer {starts[Side.LITELLM]} s."
        )
    yield f"Noise: {noise_in_words(report.noise)}."
    yield (
        f"{options.rounds} rounds of {options.seconds:g} s for each number, targets in turn, "
        f"{report.started_at}; median (least to most) of the rounds. What users wrote is new in "
        "each request."
    )
    busy = "; other work had its share of the cores" if machine.was_busy else ""
    yield (
        f"Machine: {machine.cores} cores ({machine.cpu}), {machine.memory_bytes >> 30} GiB, shared "
        f"by all processes and the load generator; load average before the run {machine.load:.2f}"
        f"{busy}."
    )
    yield (
        f"Linux {machine.kernel}, Python {machine.python}, grpcio {machine.grpcio}, Envoy "
        f"{machine.envoy}, Weighbridge {machine.weighbridge}, LiteLLM {report.litellm}."
    )


def _one_at_a_time(report: PeersReport) -> Sheet:
    return Sheet(
        "Latency, one request at a time, ms",
        (
            "request body",
            *(f"{NAMES[Side.PLAIN]} {part}" for part in ("p50", "p99")),
            *(f"{NAMES[side]} adds p50" for side in _OVER_PLAIN),
            *(f"{NAMES[side]} p99" for side in _OVER_PLAIN),
        ),
        [
            (
                case.label,
                f"{case.p50_ms(Side.PLAIN).median:.2f}",
                f"{case.p99_ms(Side.PLAIN).median:.2f}",
                *(ranged(case.added_ms(side), 2) for side in _OVER_PLAIN),
                *(f"{case.p99_ms(side).median:.2f}" for side in _OVER_PLAIN),
            )
            for case in report.cases
        ],
    )


def _at_rates(report: PeersReport) -> Sheet:
    return Sheet(
        f"Latency of {report.cases[0].label} at fixed rates, p50 / p99, ms, from when each was due",
        ("requests per second", *NAMES.values()),
        [
            (f"{rate:g}", *(_rate_cell(report.at_rate(side, rate)) for side in Side))
            for rate in report.options.rates
        ],
    )


def _rate_cell(turns: list[AtRate]) -> str:
    p50 = carried(turns, lambda turn: turn.p50_ms)
    p99 = carried(turns, lambda turn: turn.p99_ms)
    if p50 is None or p99 is None:
        return SATURATED
    over = sum(turn.saturated for turn in turns)
    note = f", {SATURATED} in {over} of {len(turns)}" if over else ""
    return f"{p50.median:.2f} / {p99.median:.2f}{note}"


def _throughput(report: PeersReport) -> Sheet:
    return Sheet(
        f"Throughput, {report.options.connections} requests at a time, req/s",
        ("request body", *NAMES.values()),
        [
            (case.label, *(_per_second(case.requests_per_s(side)) for side in Side))
            for case in report.cases
        ],
    )


def _ratios(report: PeersReport) -> Sheet:
    return Sheet(
        f"Router and LiteLLM, round by round (aims, for 300 B: {THROUGHPUT_AIM} and {ADDED_AIM})",
        ("request body", "throughput, router / LiteLLM", "added p50, LiteLLM / router"),
        [
            (
                case.label,
                ranged(more, 1) if (more := case.throughput_ratio()) else SATURATED,
                ranged(less, 1) if (less := case.added_ratio()) else "within noise",
            )
            for case in report.cases
        ],
    )


def _processes(report: PeersReport) -> Sheet:
    soaked = f" and {report.options.soak:,} requests more" if report.options.soak else ""
    return Sheet(
        f"Memory, resident: before the first request, and after all of the above{soaked}",
        ("process", "fresh", "after"),
        [
            (_named(name), mebibytes(seen.fresh_bytes), mebibytes(seen.loaded_bytes))
            for name, seen in report.memory.items()
        ],
    )


def _named(process: str) -> str:
    return NAMES[Side(process)] if process in set(Side) else "Envoy, one for all"


def _per_second(value: Spread | None) -> str:
    if value is None:
        return SATURATED
    digits = 0 if value.median >= 10 else 1  # noqa: PLR2004 - below, the digit after the point counts
    return f"{value.median:,.{digits}f} ({value.least:,.{digits}f} to {value.most:,.{digits}f})"

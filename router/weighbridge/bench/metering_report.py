"""What was asked of the metering benchmark, what came of it, and a table of that."""

import msgspec
from rich.console import Console
from rich.table import Table

from weighbridge.bench.machine import Machine
from weighbridge.bench.statistics import Latencies, Spread


class MeteringOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure.

    Attributes:
        requests: answers in one piece, in turn with and without metering, each so many.
        rounds: parts of these; each gives one difference.
        streams: streaming answers at once, for the CPU time that an event costs Envoy.
        tokens: of each stream.
        itl_ms: milliseconds from token to token of a stream.
    """

    requests: int = 5000
    rounds: int = 10
    streams: int = 100
    tokens: int = 200
    itl_ms: int = 20


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one listener.

    Attributes:
        latencies: of answers in one piece.
        added_us: median over neighbours of latency less that without metering, microseconds, by
            round.
        event_us: CPU time of Envoy for each event of a stream, microseconds, by repetition.
    """

    latencies: Latencies
    added_us: Spread
    event_us: Spread


class MeteringReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run; parts by what stands in the listener.

    Attributes:
        meter_us: CPU time of the meter for each receipt, microseconds.
        receipts: that it counted.
        answers: that were sent through metered listeners.
    """

    schema_version: int = 1
    machine: Machine
    options: MeteringOptions
    parts: dict[str, Part]
    meter_us: float
    receipts: int
    answers: int

    @property
    def faults(self) -> list[str]:
        """What keeps this from being a measurement of anything."""
        if self.receipts == self.answers:
            return []
        return [f"{self.answers:,} answers were metered, and {self.receipts:,} receipts counted"]


def print_metering(console: Console, report: MeteringReport) -> None:
    """Print a table and what it was measured on."""
    table = Table("listener", title="What metering adds")
    for heading in ("p50 ms", "p99 ms", "added at the median, µs", "Envoy's CPU per event, µs"):
        table.add_column(heading, justify="right")
    for name, part in report.parts.items():
        table.add_row(
            name,
            f"{part.latencies.p50_ms:.3f}",
            f"{part.latencies.p99_ms:.3f}",
            _spread(part.added_us),
            _spread(part.event_us),
        )
    console.print(table)
    machine, options = report.machine, report.options
    console.print(
        f"{options.requests:,} answers each, in turn; "
        f"{options.streams} streams of {options.tokens} tokens; "
        f"the meter took {report.meter_us:.0f} µs of CPU for each of {report.receipts:,} receipts. "
        f"{machine.cores} cores, {machine.cpu}; load {machine.load:g}; Envoy {machine.envoy}."
    )
    for fault in report.faults:
        console.print(f"[bold red]{fault}[/]")


def _spread(values: Spread) -> str:
    return f"{values.median:.1f} ({values.least:.1f} to {values.most:.1f})"

"""What was held open, what became of it, and a table of that."""

import math

import msgspec
from rich.console import Console
from rich.table import Table

from weighbridge.bench.machine import Machine
from weighbridge.bench.sse_client import SseResult


class SseOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to hold open.

    Attributes:
        streams: answers open at once.
        per_second: streams opened each second.
        itl_ms: milliseconds from token to token of an answer. Each token of each stream passes
            three processes on the same cores: 5,000 tokens a second are about what two cores hold.
        plateau_s: seconds for which all streams are to be open.
    """

    streams: int = 5000
    per_second: int = 400
    itl_ms: int = 1000
    plateau_s: int = 10

    @property
    def tokens(self) -> int:
        """Tokens of each answer: the first stream must last until after the last was opened."""
        seconds = self.streams / self.per_second + self.plateau_s
        return max(20, math.ceil(seconds * 1000 / self.itl_ms))


class Plateau(msgspec.Struct, frozen=True):
    """The moment at which most streams were open.

    Attributes:
        streams: open at the client.
        router_streams: ext_proc streams open at the router.
        rss_bytes: resident memory by process.
        open_files: file descriptors by process.
    """

    streams: int
    router_streams: int
    rss_bytes: dict[str, int]
    open_files: dict[str, int]


class SseReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run; `rss_idle_bytes` is memory by process before the first stream."""

    schema_version: int = 1
    machine: Machine
    options: SseOptions
    result: SseResult
    plateau: Plateau
    rss_idle_bytes: dict[str, int]

    @property
    def faults(self) -> list[str]:
        """Say what did not go as it should."""
        result = self.result
        faults = [f"{count} streams: {what}" for what, count in result.errors.items()]
        faults += [f"{count} answers with status {s}" for s, count in result.statuses.items()]
        counted = {
            "answers cut or short": result.incomplete,
            "requests failed open: nobody weighed them": result.failed_open,
            "answers without a tier": result.untold,
        }
        faults += [f"{count} {what}" for what, count in counted.items() if count]
        if self.plateau.streams < self.options.streams:
            faults.append(
                f"at most {self.plateau.streams:,} of {self.options.streams:,} streams were open "
                "at once: this machine is too slow for them"
            )
        return faults


def print_sse(console: Console, report: SseReport) -> None:
    """Print a table of the processes and what became of the streams."""
    plateau, result, options = report.plateau, report.result, report.options
    table = Table("process", "MiB idle", "MiB with all open", "open files")
    for name, rss in plateau.rss_bytes.items():
        idle = report.rss_idle_bytes.get(name, 0)
        table.add_row(name, _mib(idle), _mib(rss), f"{plateau.open_files[name]:,}")
    console.print(table)
    console.print(
        f"{plateau.streams:,} streams open at once, of which the router held "
        f"{plateau.router_streams}. {result.complete:,} of {options.streams:,} arrived whole "
        f"({options.tokens} tokens, one each {options.itl_ms} ms)."
    )
    console.print(
        f"First event after {result.first_event.p50_ms:.0f} ms (p50), "
        f"{result.first_event.p99_ms:.0f} ms (p99); gap between events {result.gaps.p50_ms:.0f} ms "
        f"(p50), {result.gaps.p99_ms:.0f} ms (p99), {result.gaps.max_ms:.0f} ms (most)."
    )
    for fault in report.faults:
        console.print(fault, style="bold red")


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f}" if size else ""

"""What `weighbridge up` shows: addresses and two prompts to paste, then the decisions as they fall.

On a terminal the last dozen stand in a table that is redrawn; elsewhere each is a plain line.
"""

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from weighbridge.local.decisions import Line, Tally

EASY = "What is the capital of France?"
HARD = (
    "Prove that there are infinitely many primes congruent to 3 modulo 4, then explain why the "
    "same argument fails for 1 modulo 4 and repair it."
)
_SHOWN = 12
_STYLES = ("green", "magenta", "cyan", "yellow")


@dataclass(frozen=True)
class Addresses:
    """Where things are.

    Attributes:
        endpoint: base URL for OpenAI clients.
        metrics: the router's Prometheus endpoint.
        admin: Envoy's admin interface.
        logs: folder with a log per child and the access log.
        tokens: the meter's Prometheus endpoint; None: no meter runs.
        prometheus: the Prometheus of this run; None: there is none.
    """

    endpoint: str
    metrics: str
    admin: str
    logs: Path
    tokens: str | None = None
    prometheus: str | None = None

    @property
    def top(self) -> str | None:
        """A command that shows what Prometheus knows."""
        return f"weighbridge top --prometheus {self.prometheus}" if self.prometheus else None


def curl(endpoint: str, prompt: str) -> str:
    """Make a command to paste; its answer shows the decision's headers."""
    message = {"model": "auto", "messages": [{"role": "user", "content": prompt}]}
    return (
        f"curl -si {endpoint}/chat/completions -H 'content-type: application/json' "
        f"-d '{json.dumps(message)}'"
    )


class Screen:
    """Prints; used as a context, so that the terminal is given back whatever happens.

    Args:
        console: where to.
        tiers: names, smallest first; each gets a colour.
        plain: lines only, no table that is redrawn.
    """

    def __init__(self, console: Console, tiers: list[str], plain: bool) -> None:
        self._console = console
        self._styles = dict(zip(tiers, _STYLES, strict=False))
        self._last: deque[Line] = deque(maxlen=_SHOWN)
        self._tally = Tally()
        self._live = None if plain else Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()  # its last drawing stays, with the summary
        elif self._tally.tiers:
            self.say(self._tally.summary())

    def say(self, text: str) -> None:
        """Print a sentence, above the table where there is one."""
        # Not through rich's markup and wrapping: what is shown is meant to be copied.
        self._console.print(Text(text), soft_wrap=True)

    def welcome(self, addresses: Addresses) -> None:
        """Say that all is ready, and start the table."""
        self.say(
            f"Weighbridge is up. Ctrl-C stops it.\n"
            f"  endpoint  {addresses.endpoint}\n"
            f"  metrics   {addresses.metrics}\n"
            f"{_line('tokens', addresses.tokens)}"
            f"{_line('observe', addresses.prometheus)}"
            f"{_line('top', addresses.top)}"
            f"  admin     {addresses.admin}\n"
            f"  logs      {addresses.logs}\n\n"
            f"An easy prompt:\n  {curl(addresses.endpoint, EASY)}\n\n"
            f"A hard one:\n  {curl(addresses.endpoint, HARD)}\n"
        )
        if self._live is not None:
            self._live.start()
            self._draw()

    def show(self, lines: list[Line]) -> None:
        """Show new decisions."""
        if not lines:
            return
        self._tally.add(lines)
        self._last.extend(lines)
        if self._live is not None:
            self._draw()
            return
        for line in lines:
            self.say(_plain(line))

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(Group(self._table(), Text(self._tally.summary())), refresh=True)

    def _table(self) -> Table:
        table = Table("time", "tier", "score", "reason", "status", "ms", "upstream", "path")
        for line in self._last:
            style = self._styles.get(line.tier, "red")
            table.add_row(
                line.clock,
                Text(line.tier, style),
                line.score,
                line.reason,
                str(line.status),
                str(line.duration_ms),
                line.upstream,
                Text(line.path),
            )
        return table


def _line(name: str, address: str | None) -> str:
    return f"  {name:<10}{address}\n" if address else ""


def _plain(line: Line) -> str:
    return (
        f"{line.clock} tier={line.tier} score={line.score or '-'} reason={line.reason} "
        f"status={line.status} ms={line.duration_ms} upstream={line.upstream or '-'} {line.path}"
    )

"""How far a run is, on standard error: a bar for a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_LINE_S = 10.0


class Screen:
    """The progress of one run. A context manager.

    Args:
        total: prompts to label.
        known: of these, how many have all answers from earlier runs.
        cost: tells what was spent so far, as a text.
        clock: seconds of a clock that only moves on.
    """

    def __init__(
        self,
        total: int,
        known: int,
        cost: Callable[[], str],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._known = known
        self._cost = cost
        self._clock = clock
        self._done = 0
        self._begun = self._told = clock()
        self._bar = _bar() if sys.stderr.isatty() else None
        self._task = self._bar.add_task("", total=total, rate="", cost="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()
        else:
            self._line()

    def advance(self) -> None:
        """One prompt more is done with."""
        self._done += 1
        if self._bar and self._task is not None:
            rate = f"{self._rate():.1f}/s"
            self._bar.update(self._task, completed=self._done, rate=rate, cost=self._cost())
        elif self._clock() - self._told >= _LINE_S:
            self._line()

    def say(self, text: str) -> None:
        """Print a line beside the progress."""
        if self._bar:
            self._bar.console.print(text)
        else:
            sys.stderr.write(text + "\n")

    def _line(self) -> None:
        self._told = self._clock()
        rate = self._rate()
        left = self._total - self._done
        remaining = f", {left / rate:,.0f} s left" if rate and left else ""
        sys.stderr.write(
            f"{self._done:,} of {self._total:,} prompts, {rate:.1f}/s{remaining}, {self._cost()}\n"
        )
        sys.stderr.flush()

    def _rate(self) -> float:
        """Prompts per second, those of earlier runs left out."""
        seconds = self._clock() - self._begun
        return max(0, self._done - self._known) / seconds if seconds > 0 else 0.0


def _bar() -> Progress:
    return Progress(
        TextColumn("labelling"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[cost]}"),
        console=Console(stderr=True),
    )

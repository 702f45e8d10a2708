"""How builds are told: a line that moves on a terminal, lines that stay where nobody watches."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from weighbridge_lab.builds import Report


class Lines:
    """Plain lines, as in CI: one where something begins, too, for it may take minutes."""

    def line(self, text: str) -> None:
        """Print it."""
        typer.echo(text, err=True)

    @contextmanager
    def running(self, text: str) -> Iterator[None]:
        """Print it once."""
        typer.echo(f"{text} …", err=True)
        yield


class Terminal:
    """A spinner with the seconds that the present step takes, above it what is done."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)

    def line(self, text: str) -> None:
        """Print it."""
        self._console.print(text, markup=False)

    def running(self, text: str) -> AbstractContextManager[None]:
        """Spin for as long as it runs."""
        return self._spinning(text)

    @contextmanager
    def _spinning(self, text: str) -> Iterator[None]:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            progress.add_task(text, total=None)
            yield


def report() -> Report:
    """Return what suits standard error."""
    return Terminal() if sys.stderr.isatty() else Lines()

"""Progress on a terminal for commands that read many lines; nothing where nobody looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def tracked(lines: IO[bytes], verb: str) -> Iterator[Iterator[bytes]]:
    """Give the lines of a binary file, counting them on standard error if that is a terminal."""
    if not sys.stderr.isatty() or sys.stdout.isatty() or lines.isatty():
        yield iter(lines)
        return
    columns = (TextColumn(verb), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(verb, total=None)

        def counted() -> Iterator[bytes]:
            for line in lines:
                yield line
                progress.advance(task)

        yield counted()

"""What `weighbridge learn collect` shows: progress while it reads, and tables of what it found."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from weighbridge.learn.collect import Tally, Wanted


@contextmanager
def watched(files: Sequence[Path]) -> Iterator[Callable[[int], object]]:
    """Give a function to be told of bytes read; on a terminal a bar shows them."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (BarColumn(), DownloadColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(TextColumn("read"), *columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("read", total=sum(path.stat().st_size for path in files))
        yield lambda size: progress.advance(task, size)


def print_faults(console: Console, tally: Tally) -> None:
    """Print a line for each line that is not kept, as many as were noted."""
    for fault in tally.faults:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    more = sum(tally.unfit.values()) - len(tally.faults)
    if more:
        console.print(f"… and {more:,} more", markup=False, highlight=False)


def print_tally(console: Console, tally: Tally, wanted: Wanted) -> None:
    """Print what became of the lines, and the prompts by score."""
    console.print(_lines_table(tally))
    if any(tally.different):
        console.print(_score_table(tally))
    written = sum(tally.written)
    if written:
        console.print(f"{written:,} prompts in {wanted.out}", highlight=False, soft_wrap=True)
    if wanted.sample is not None and written < wanted.sample:
        console.print(f"{wanted.sample:,} were wanted; there are no more", highlight=False)
    if tally.renamed:
        console.print(
            f"{tally.renamed:,} ids stood for two prompts; the later ones have new ids",
            highlight=False,
        )


def _lines_table(tally: Tally) -> Table:
    table = Table(title="Lines", title_justify="left")
    table.add_column("what")
    table.add_column("lines", justify="right")
    rows = [
        ("read", tally.rows),
        *((unfit.value, count) for unfit, count in sorted(tally.unfit.items())),
        ("alike to one before", tally.duplicates),
        ("different prompts", sum(tally.different)),
        ("written", sum(tally.written)),
    ]
    for what, count in rows:
        table.add_row(what, f"{count:,}")
    return table


def _score_table(tally: Tally) -> Table:
    table = Table(title="By score of the artifact in use", title_justify="left")
    for heading in ("score", "different", "share", "written"):
        table.add_column(heading, justify="right")
    total = sum(tally.different)
    for decile, (different, written) in enumerate(zip(tally.different, tally.written, strict=True)):
        low, high = decile / 10, (decile + 1) / 10
        share = f"{100 * different / total:.1f} %"
        table.add_row(f"{low:.1f}-{high:.1f}", f"{different:,}", share, f"{written:,}")
    return table

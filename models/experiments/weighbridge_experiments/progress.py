"""How far a long run is: a bar for a person, a line a step for a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

Step = Callable[[str], Callable[[float], object]]
"""Begins a step by its name; the answer is called with the share that is done, 0 to 1."""


def silent(_: str) -> Callable[[float], object]:
    """Tell nobody."""
    return lambda _: None


@contextmanager
def shown(console: Console) -> Iterator[Step]:
    """Show steps on a console."""
    if not console.is_terminal:

        def line(what: str) -> Callable[[float], object]:
            console.print(what, highlight=False)
            return lambda _: None

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:

        def step(what: str) -> Callable[[float], object]:
            task = bar.add_task(what, total=1.0)
            return lambda share: bar.update(task, completed=share)

        yield step

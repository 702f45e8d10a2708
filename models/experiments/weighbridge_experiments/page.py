"""What a run found in, a page of Markdown and its plots out.

The words of a page stand in `pages/NAME.md`, with `$name` where a number or a table is to be. A
page and its words must know the same names: neither may hold one that the other lacks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.figure import Figure
from weighbridge.learn.report.drawing import COLOURS, GRID, INK, MUTED

from weighbridge_experiments.errors import ExperimentError

PAGES: Final = Path(__file__).with_name("pages")

_RC: Final[Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": f"cycler('color', {list(COLOURS)!r})",
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Plot:
    """A figure of a page.

    Attributes:
        name: what its file is called, after the page's name.
        paint: puts axes and lines into a figure.
        width: inches.
        height: likewise.
    """

    name: str
    paint: Callable[[Figure], None]
    width: float = 8.6
    height: float = 3.6


def write(
    folder: Path,
    name: str,
    values: Mapping[str, str],
    plots: Iterable[Plot],
    *,
    pages: Path = PAGES,
) -> list[Path]:
    """Write a page and its plots; returns where they lie.

    Args:
        folder: for the page and its plots.
        name: of the page.
        values: what its words leave open.
        plots: its figures.
        pages: where its words are.

    Raises:
        ExperimentError: if the page's words and the values don't fit, or nothing can be written.
    """
    text = fill((pages / f"{name}.md").read_text(encoding="utf-8"), values)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / f"{name}.md"
        page.write_text(text, encoding="utf-8")
        return [page, *(_draw(folder / f"{name}-{plot.name}.svg", plot) for plot in plots)]
    except OSError as error:
        raise ExperimentError(
            f"{folder}: can't be written: {error.strerror}; name another folder: --out FOLDER"
        ) from error


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values into a page's words.

    Raises:
        ExperimentError: if one lacks what the other has.
    """
    template = Template(text)
    if differing := set(template.get_identifiers()) ^ set(values):
        raise ExperimentError(
            f"expected a page with the names that the run fills in; not in both: "
            f"{', '.join(sorted(differing))}"
        )
    return template.substitute(values)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first are numbers."""
    marks = ("---", *("---:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, marks, *rows))


def _draw(path: Path, plot: Plot) -> Path:
    with rc_context({**_RC, "svg.hashsalt": path.stem}):
        figure = Figure(figsize=(plot.width, plot.height), layout="constrained")
        plot.paint(figure)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    # Matplotlib leaves blanks at the ends of lines.
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")
    return path

"""A painting function in, one inline SVG out: the same bytes for the same figure.

Text stays text, so that a page can be searched and read aloud; ids get the figure's name in front,
so that many figures share one page.
"""

import io
import re
from collections.abc import Callable
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weighbridge.learn.quality import Interval
from weighbridge.learn.report.page import Markup, escape

INK: Final = "#1b1f24"
MUTED: Final = "#6a737d"
GRID: Final = "#e4e7eb"

# Okabe and Ito's colours, told apart by most colour-blind readers; dashes and markers say it again.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D00", "#56B4E9")
DASHES: Final = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 2, 1, 2)), (0, (3, 1)), "-")
MARKERS: Final = ("o", "s", "^", "D", "v", "P")

_RC: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_SIZE: Final = re.compile(r' (?:width|height)="[^"]*"')
_ID: Final = re.compile(r'(\bid="|url\(#|href="#)')


def draw(
    name: str, alt: str, paint: Callable[[Figure], None], *, width: float = 8.6, height: float = 3.6
) -> Markup:
    """Paint a figure.

    Args:
        name: unique on the page; letters, digits and hyphens.
        alt: what it shows, for a reader who can't see it.
        paint: puts axes and lines into the figure.
        width: inches, at 72 points.
        height: likewise.
    """
    out = io.StringIO()
    with rc_context({**_RC, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return Markup(f'<figure id="{name}">{_inlined(out.getvalue(), name, alt)}</figure>')


def panels(figure: Figure, count: int, columns: int) -> list[Axes]:
    """A grid of `count` axes; the rest of the last row stays empty."""
    rows = -(-count // columns)
    return [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def percent(axes: Axes, axis: str) -> None:
    """Print the ticks of "x" or "y", which run from 0 to 1, as percentages."""
    side = axes.xaxis if axis == "x" else axes.yaxis
    side.set_major_formatter(lambda value, _: f"{value * 100:.0f} %")


def key(axes: Axes, title: str = "") -> None:
    """Name the lines beside the axes, each in its own colour."""
    handles, labels = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles,
        labels,
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        title=title,
        handlelength=2.4,
        labelcolor="linecolor",
    )
    legend.get_title().set_color(MUTED)


def line(axes: Axes, number: int, xs: Any, ys: Any, label: str | None = None) -> None:
    """The curve of score or set `number`; the first is the subject and lies on top."""
    at = number % len(COLOURS)
    style: Any = DASHES[at]
    axes.plot(
        xs,
        ys,
        color=COLOURS[at],
        linestyle=style,
        linewidth=2.4 if number == 0 else 1.5,
        zorder=9 - number,
        label=label,
    )


def whisker(
    axes: Axes, number: int, place: float, value: Interval, label: str | None = None
) -> None:
    """A dot with its interval along x, at `place` on y."""
    at = number % len(COLOURS)
    axes.plot([value.low, value.high], [place] * 2, color=COLOURS[at], linewidth=2, alpha=0.55)
    axes.plot(value.value, place, MARKERS[at], color=COLOURS[at], markersize=6, label=label)


def pillar(axes: Axes, number: int, place: float, value: Interval) -> None:
    """A dot with its interval along y, at `place` on x."""
    at = number % len(COLOURS)
    axes.plot([place] * 2, [value.low, value.high], color=COLOURS[at], linewidth=2, alpha=0.55)
    axes.plot(place, value.value, MARKERS[at], color=COLOURS[at], markersize=6)


def note(axes: Axes, at: tuple[float, float], text: str, **style: Any) -> None:
    """Small grey text."""
    axes.text(*at, text, **{"fontsize": 9, "color": MUTED, **style})


def short(value: float) -> str:
    """An APGR as the field prints it: .612."""
    return f"{value:.3f}".replace("0.", ".", 1)


def _inlined(svg: str, name: str, alt: str) -> str:
    body = svg[svg.index("<svg") :]
    tag, closing, rest = body.partition(">")
    # The page decides how wide it is; the view box keeps its shape.
    tag = _SIZE.sub("", tag).replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
    return _ID.sub(rf"\g<1>{name}-", tag + closing + rest).strip()

"""A `PeersReport` in, two SVG files out: latency over offered rate, throughput by body size.

Needs matplotlib, which the router does without: it is imported by `--plots` alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from weighbridge.bench.peers.envoy import Side
from weighbridge.bench.peers.report import PeersReport, carried
from weighbridge.bench.peers.tables import NAMES

# Okabe and Ito's colours, told apart by most colour-blind readers; markers say it again.
_STYLES: Final[dict[Side, dict[str, Any]]] = {
    Side.PLAIN: {"color": "#6a737d", "marker": "v"},
    Side.EMPTY: {"color": "#009E73", "marker": "s"},
    Side.ROUTER: {"color": "#0072B2", "marker": "o"},
    Side.LITELLM: {"color": "#D55E00", "marker": "^"},
}
_RC: Final[Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "legend.frameon": False,
}
_WIDTH, _HEIGHT = 8.6, 3.6


def draw(folder: Path, name: str, report: PeersReport) -> list[tuple[Path, str]]:
    """Write the plots; returns each file and what it shows."""
    plots: list[tuple[str, str, Callable[[Figure, PeersReport], None]]] = [
        ("throughput", "Throughput by size of request body", _throughput),
    ]
    if report.options.rates:
        plots.insert(0, ("latency", "Latency over the rate that was offered", _latency))
    drawn = []
    for what, shows, paint in plots:
        path = folder / f"{name}-{what}.svg"
        _save(path, paint, report)
        drawn.append((path, shows))
    return drawn


def _save(path: Path, paint: Callable[[Figure, PeersReport], None], report: PeersReport) -> None:
    with rc_context({**_RC, "svg.hashsalt": path.stem}):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        paint(figure, report)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    # Matplotlib leaves blanks at the ends of lines.
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")


def _latency(figure: Figure, report: PeersReport) -> None:
    middle, tail = figure.subplots(1, 2, sharey=True)
    _curves(middle, report, "p50", lambda turn: turn.p50_ms)
    _curves(tail, report, "p99", lambda turn: turn.p99_ms)
    middle.set_ylabel("ms, from when a request was due")
    tail.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))


def _curves(axes: Axes, report: PeersReport, title: str, of: Callable[[Any], float]) -> None:
    for side, style in _STYLES.items():
        points = [(rate, carried(report.at_rate(side, rate), of)) for rate in report.options.rates]
        good = [(rate, each.median) for rate, each in points if each is not None]
        axes.plot(*zip(*good, strict=True) if good else ((), ()), label=NAMES[side], **style)
        if (over := next((rate for rate, each in points if each is None), None)) and good:
            # Where a line ends before the axis does, it is said why.
            text = f"saturated\nat {over:g}/s"
            axes.annotate(
                text, good[-1], (3, 5), textcoords="offset points", fontsize=8, color=style["color"]
            )
    axes.set(title=f"{title}, {report.cases[0].label}", xlabel="requests per second, offered")
    axes.set(xscale="log", yscale="log")
    axes.margins(y=0.15)
    axes.minorticks_off()
    axes.set_xticks(report.options.rates, [f"{rate:g}" for rate in report.options.rates])


def _throughput(figure: Figure, report: PeersReport) -> None:
    axes = figure.subplots()
    for side, style in _STYLES.items():
        known = [
            (case.body_bytes, value)
            for case in report.cases
            if (value := case.requests_per_s(side)) is not None
        ]
        sizes = [size for size, _ in known]
        axes.plot(sizes, [value.median for _, value in known], label=NAMES[side], **style)
        least, most = [v.least for _, v in known], [v.most for _, v in known]
        axes.vlines(sizes, least, most, color=style["color"])
    axes.set(xscale="log", yscale="log", xlabel="request body", ylabel="requests per second")
    axes.minorticks_off()
    axes.set_xticks([c.body_bytes for c in report.cases], [c.label for c in report.cases])
    axes.set_title(f"{report.options.connections} requests at a time")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))

"""What panels show in, lines for a terminal out: a panel a line, numbers with their units."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.observing.panels import Dashboard, Unit
from weighbridge.observing.view import Shown

_MOST: Final = 12
"""Series in a line; a panel of a large cluster has more, which Grafana is for."""
_NO_DATA: Final = "no data"
_NO_EVENTS: Final = "no events"


def _seconds(value: float) -> str:
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


_WRITTEN: Final[Mapping[Unit, Callable[[float], str]]] = {
    Unit.BURN: lambda value: f"{value:.3g}x",
    Unit.CELSIUS: lambda value: f"{value:.0f} °C",
    Unit.COUNT: lambda value: f"{value:.4g}",
    Unit.DOLLARS: lambda value: f"${value:,.2f}",
    Unit.NUMBER: lambda value: f"{value:.3g}",
    Unit.PER_SECOND: lambda value: f"{value:.3g}/s",
    Unit.REQUESTS: lambda value: f"{value:.3g}/s",
    Unit.SECONDS: _seconds,
    Unit.SHARE: lambda value: f"{value * 100:.4g} %",
    Unit.TOKENS: lambda value: f"{value:.4g}/s",
    Unit.WATTS: lambda value: f"{value:.0f} W",
}


def written(value: float, unit: Unit) -> str:
    """Write a number for people."""
    return _WRITTEN[unit](value) if math.isfinite(value) else _NO_EVENTS


def screen(dashboard: Dashboard, shown: Sequence[Shown], url: str) -> RenderableType:
    """Make what `weighbridge top` shows."""
    return Group(*_lines(dashboard, shown, url))


def _lines(dashboard: Dashboard, shown: Sequence[Shown], url: str) -> Iterable[RenderableType]:
    yield Text.assemble((dashboard.title, "bold"), (f"  {url}", "dim"))
    for row in dashboard.rows:
        yield Text(f"\n{row.title}", style="bold")
        yield _table([each for each in shown if each.row is row])


def _table(shown: Sequence[Shown]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(min_width=30)
    table.add_column()
    for each in shown:
        table.add_row(Text(f"  {each.panel.title}"), _series(each))
    return table


def _series(shown: Shown) -> RenderableType:
    if not shown.readings:
        return Text(_NO_DATA, style="dim")
    parts = [
        Text.assemble((f"{reading.name} ", "dim"), written(reading.value, shown.panel.unit))
        for reading in shown.readings[:_MOST]
    ]
    if len(shown.readings) > _MOST:
        parts.append(Text(f"and {len(shown.readings) - _MOST} more", style="dim"))
    return Columns(parts, padding=(0, 3))

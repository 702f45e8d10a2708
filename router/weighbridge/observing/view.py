"""A dashboard and a Prometheus in, what each panel shows at this moment out."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from weighbridge.errors import ObservingError
from weighbridge.observing.panels import Dashboard, Panel, Row
from weighbridge.observing.prometheus import Series

_AT_ONCE: Final = 8
"""Queries: a page has some forty, and a Prometheus at a distance takes its time for each."""

Ask = Callable[[str], list[Series]]


@dataclass(frozen=True)
class Reading:
    """One series of a panel.

    Attributes:
        name: by the query's legend.
        labels: as Prometheus gave them.
        value: NaN where there were no events.
    """

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Shown:
    """A panel with its series, none where Prometheus has none."""

    row: Row
    panel: Panel
    readings: tuple[Reading, ...]


def look(dashboard: Dashboard, ask: Ask) -> tuple[Shown, ...]:
    """Ask all of a dashboard's queries.

    Raises:
        ObservingError: where Prometheus can't be asked, or has no series of the whole dashboard.
    """
    wanted = [
        (row, panel, query)
        for row in dashboard.rows
        for panel in row.panels
        for query in panel.queries
    ]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda each: ask(each[2].expr), wanted))
    by_panel: dict[int, list[Reading]] = {}
    for (_, panel, query), series in zip(wanted, found, strict=True):
        readings = [Reading(query.name(s.labels), s.labels, s.value) for s in series]
        by_panel.setdefault(id(panel), []).extend(readings)
    return tuple(
        Shown(row, panel, _ordered(by_panel[id(panel)]))
        for row in dashboard.rows
        for panel in row.panels
    )


def _ordered(readings: list[Reading]) -> tuple[Reading, ...]:
    """Put what has the same labels together: the percentiles of one pool, then of the next."""
    return tuple(sorted(readings, key=lambda reading: sorted(reading.labels.items())))


def require_data(shown: Sequence[Shown], url: str) -> None:
    """Make sure that Prometheus knows anything of Weighbridge.

    Raises:
        ObservingError: where it does not, with what to look at.
    """
    # One that sums alerts answers 0 wherever it is asked.
    if not any(reading.labels or reading.value for each in shown for reading in each.readings):
        raise ObservingError(
            f"Prometheus at {url} has none of these series: it must load observability/rules and "
            "scrape what docs/sre-guide.md names; its pages Status > Rules and Status > Targets "
            "say whether it does. Just started? Rates want a minute"
        )


def described(dashboard: Dashboard, shown: Sequence[Shown]) -> dict[str, Any]:
    """Say it for scripts; a value without events is null."""
    return {
        "dashboard": dashboard.name,
        "panels": [
            {
                "row": each.row.title,
                "panel": each.panel.title,
                "unit": each.panel.unit.name.lower().replace("_", "-"),
                "series": [
                    {"name": r.name, "labels": r.labels, "value": _number(r.value)}
                    for r in each.readings
                ],
            }
            for each in shown
        ],
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None

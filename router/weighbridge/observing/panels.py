"""What a dashboard is made of, as data: rows of panels with queries, a unit and a description.

Grafana's JSON (observability/dashboards) and `weighbridge top` are made of the same objects, so
that a terminal and a browser can't tell two stories.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

_PLACE = re.compile(r"\{\{(\w+)\}\}")


class Unit(StrEnum):
    """What a number is; the value is Grafana's name for it."""

    BURN = "suffix:x"
    """Times as fast as a promise allows."""
    CELSIUS = "celsius"
    COUNT = "short"
    DOLLARS = "currencyUSD"
    NUMBER = "none"
    PER_SECOND = "ops"
    REQUESTS = "reqps"
    SECONDS = "s"
    SHARE = "percentunit"
    TOKENS = "suffix: tokens/s"
    WATTS = "watt"


class Form(StrEnum):
    """How a panel is drawn."""

    LINES = "timeseries"
    NUMBERS = "stat"


@dataclass(frozen=True)
class Query:
    """One expression of PromQL.

    Attributes:
        expr: reads recording rules wherever there is one.
        legend: name of each series, `{{label}}` in a label's place.
    """

    expr: str
    legend: str = ""

    def name(self, labels: Mapping[str, str]) -> str:
        """Name of a series, as Grafana would write it."""
        return " ".join(_PLACE.sub(lambda place: labels.get(place[1], ""), self.legend).split())


@dataclass(frozen=True)
class Panel:
    """A question, and what answers it.

    Attributes:
        title: few words.
        description: what is counted, and what to make of it.
        unit: of all its series.
        queries: at least one.
        form: lines, or the last number alone.
    """

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    form: Form = Form.LINES


@dataclass(frozen=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """A page.

    Attributes:
        name: of its file, and for `weighbridge top`.
        title: for people.
        description: which question it answers.
        rows: from top to bottom.
    """

    name: str
    title: str
    description: str
    rows: tuple[Row, ...]

    def panels(self) -> Iterator[Panel]:
        """All panels, in order."""
        for row in self.rows:
            yield from row.panels


def quantiles(record: str, who: str, *names: str) -> tuple[Query, ...]:
    """Queries of a record's quantiles, such as `pool:ttft_seconds` and p50, p95."""
    return tuple(Query(f"{record}:{name}", f"{who} {name}".strip()) for name in names)

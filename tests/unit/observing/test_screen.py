"""Numbers are written with their units, and what is missing is said in words."""

import math

import pytest
from rich.console import Console
from weighbridge.observing.panels import Dashboard, Panel, Query, Row, Unit
from weighbridge.observing.screen import screen, written
from weighbridge.observing.view import Reading, Shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0647, Unit.SECONDS, "64.7 ms"),
        (2.5, Unit.SECONDS, "2.5 s"),
        (0.3922, Unit.SHARE, "39.22 %"),
        (12.34, Unit.REQUESTS, "12.3/s"),
        (1234.5, Unit.DOLLARS, "$1,234.50"),
        (14.4, Unit.BURN, "14.4x"),
        (61.2, Unit.CELSIUS, "61 °C"),
        (290.4, Unit.WATTS, "290 W"),
        (math.nan, Unit.SHARE, "no events"),
        (math.inf, Unit.SECONDS, "no events"),
    ],
)
def test_a_number_has_its_unit(value, unit, text):
    assert written(value, unit) == text


def test_every_unit_can_be_written():
    assert all(written(1, unit) for unit in Unit)


def test_a_panel_without_series_says_so_and_a_long_one_is_cut():
    panels = [Panel(name, "Text.", Unit.COUNT, (Query("x", "y"),)) for name in ("Some", "None")]
    row = Row("Row", tuple(panels))
    many = tuple(Reading(f"n{i}", {}, i) for i in range(15))
    console = Console(width=100)

    with console.capture() as captured:
        shown = [Shown(row, panels[0], many), Shown(row, panels[1], ())]
        console.print(screen(Dashboard("d", "Title", "Why?", (row,)), shown, "http://there"))
    text = captured.get()

    assert "Title  http://there" in text
    assert "n11 11" in text
    assert "n12" not in text
    assert "and 3 more" in text
    assert text.rstrip().endswith("no data")

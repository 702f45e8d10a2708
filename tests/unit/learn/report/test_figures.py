"""Figures of one analysis: whole, named, the same every time, and telling what they hold."""

import math
import re
import xml.etree.ElementTree as ET

import pytest
from unit.learn.report.samples import analysis
from weighbridge.learn.quality import Interval
from weighbridge.learn.report import figures
from weighbridge.learn.report.analysis import LearningPoint

POINTS = [
    LearningPoint(100, Interval(0.55, 0.5, 0.6)),
    LearningPoint(400, Interval(0.6, 0.57, 0.63)),
]
RATES = [("one", [("x", Interval(0.1, 0.0, 0.3))]), ("two", [("x", Interval(0.4, 0.2, 0.6))])]


def texts(figure):
    return set(re.findall(r"<text[^>]*>([^<]*)</text>", figure)) | set(
        re.findall(r"<tspan[^>]*>([^<]*)</tspan>", figure)
    )


def drawings():
    made = analysis()
    return {
        "curves": lambda: figures.curves("curves", made),
        "forest": lambda: figures.forest("forest", [made, analysis(name="other")]),
        "learning": lambda: figures.learning_curve("learning", POINTS),
        "rates": lambda: figures.rates("rates", "rates of things", RATES, "share", aim=0.85),
    }


@pytest.mark.parametrize("name", list(drawings()))
def test_a_figure_is_well_formed_named_and_the_same_every_time(name):
    draw = drawings()[name]

    first = draw()

    assert first == draw()
    root = ET.fromstring(first)  # noqa: S314 - our own output
    svg = root[0]
    assert svg.attrib["aria-label"]
    assert "width" not in svg.attrib
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert all(one == name or one.startswith(f"{name}-") for one in ids)


def test_curves_are_labelled_with_their_apgr():
    made = analysis()

    shown = texts(figures.curves("c", made))

    apgr = f"{made.subject.quality.apgr.value:.3f}"[1:]
    assert {f"fitted {apgr}", "random .500", "tiny alone", "huge alone"} <= shown


def test_a_forest_names_every_score_of_every_set():
    shown = texts(figures.forest("f", [analysis(), analysis(name="other")]))

    assert {"fitted", "length", "some set, 120 rows", "other, 120 rows"} <= shown


def test_every_point_of_a_learning_curve_is_told():
    assert {".550", ".600"} <= texts(figures.learning_curve("l", POINTS))


def test_a_rate_of_nothing_is_drawn_as_nothing():
    nothing = Interval(math.nan, math.nan, math.nan)

    assert "nan" not in figures.rates("r", "alt", [("one", [("x", nothing)])], "share").lower()

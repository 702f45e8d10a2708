"""Figures that set sets beside each other."""

import msgspec
import pytest
from unit.learn.report.samples import analysis
from unit.learn.report.test_figures import texts
from weighbridge.learn.report import panels

SETS = [analysis(), analysis(name="other", count=50), analysis(name="third", count=30)]


@pytest.mark.parametrize(
    "draw",
    [
        lambda sets: panels.histograms("h", sets, 0.5),
        lambda sets: panels.calibration("c", sets),
        lambda sets: panels.reliability("r", sets),
        lambda sets: panels.latency("l", sets),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_every_set_has_its_name_in_the_figure(draw, count):
    shown = texts(draw(SETS[:count]))

    assert {one.name for one in SETS[:count]} <= shown


def test_a_histogram_tells_the_share_above_the_threshold():
    made = msgspec.structs.replace(SETS[0], histogram=[3] + [0] * 9 + [1] + [0] * 9)

    assert "25% large →" in texts(panels.histograms("h", [made], 0.5))


def test_what_costs_no_time_is_a_line_and_not_a_dot():
    assert {"fitted", "length, at no cost"} <= texts(panels.latency("l", SETS[:1]))


def test_a_score_that_was_not_timed_is_left_out():
    first = SETS[0]
    untimed = [msgspec.structs.replace(score, p50_us=None) for score in first.scores]

    shown = texts(panels.latency("l", [msgspec.structs.replace(first, scores=untimed)]))

    assert "fitted" not in shown

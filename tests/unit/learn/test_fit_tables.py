"""What `learn fit` prints."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from weighbridge.learn.choice import Stage
from weighbridge.learn.curve import LearningCurve
from weighbridge.learn.fit import Fitted
from weighbridge.learn.fit_tables import print_fitted
from weighbridge.learn.fitting import Recipe, Space
from weighbridge.learn.quality import Interval
from weighbridge.learn.report.analysis import LearningPoint

NOTHING = np.zeros(0, np.float32)


def stage(quality):
    space = Space(NOTHING, NOTHING, NOTHING, NOTHING, 1.0)
    return Stage(Recipe({}, 1.0, 1.0), 0.0, quality, np.zeros(0), space)


def fitted(**fields):
    points = [
        LearningPoint(400, Interval(0.58, 0.5, 0.66)),
        LearningPoint(1600, Interval(0.62, math.nan, math.nan)),
    ]
    known = {
        "folder": Path("own/new"),
        "labels": 1600,
        "held_out": 400,
        "stages": [stage(0.621), stage(0.644)],
        "length": 0.587,
        "curve": LearningCurve(points, 0.66, 1.6),
    }
    return Fitted(**known | fields)


def printed(given):
    out = io.StringIO()
    print_fitted(Console(file=out, width=60), given)
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_quality_curve_and_next_step_are_told():
    assert [line for line in printed(fitted()) if line] == [
        "APGR out of fold, random .500",
        "APGR",
        "length of the prompt 0.587",
        "stage 1 0.621",
        "stage 2 0.644",
        "Learning curve of stage 1",
        "labels APGR 95 % interval",
        "400 0.580 0.500 to 0.660",
        "1,600 0.620 -",
        "1,000 more labels would buy about +0.009 APGR (this curve levels off near 0.660).",
        "Fitted to 1,600 labels, 400 left for the report.",
        "Next: weighbridge learn report LABELS.jsonl --artifact own/new --out report.html",
    ]


@pytest.mark.parametrize(("quality", "told"), [(0.586, True), (0.588, False)])
def test_a_fit_no_better_than_length_is_told(quality, told):
    lines = printed(fitted(stages=[stage(quality)]))

    warned = "No better than the length of the prompt: label more before you ship it." in lines
    assert warned is told
    assert not any(line.startswith("stage 2") for line in lines)


def test_where_nothing_was_held_out_the_report_needs_other_labels():
    assert printed(fitted(held_out=0))[-1].startswith(
        "Next: weighbridge learn report OTHER_LABELS.jsonl"
    )

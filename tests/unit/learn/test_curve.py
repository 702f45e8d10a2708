"""The learning curve: what it is fitted to, and what it says more labels would buy."""

import numpy as np
import pytest
from weighbridge.learn.curve import LearningCurve, learning_curve
from weighbridge.learn.fitting import Recipe, make_space
from weighbridge.learn.quality import Interval, Outcomes
from weighbridge.learn.report.analysis import LearningPoint


def curve_of(*heights, labels=(100, 200, 400, 800)):
    points = [
        LearningPoint(number, Interval(height, height, height))
        for number, height in zip(labels, heights, strict=True)
    ]
    from weighbridge.learn.curve import _line

    return LearningCurve(points, *_line(points))


def test_a_curve_that_still_rises_promises_more():
    loss = [0.7 - 2 / np.sqrt(labels) for labels in (100, 200, 400, 800)]
    curve = curve_of(*loss)

    assert curve.ceiling == pytest.approx(0.7)
    assert curve.bought == pytest.approx(2 / np.sqrt(800) - 2 / np.sqrt(1800))


def test_a_curve_that_falls_promises_nothing():
    curve = curve_of(0.7, 0.69, 0.66, 0.64)

    assert curve.bought == 0.0
    assert curve.ceiling == 0.64


def test_more_labels_of_what_can_be_learnt_give_more():
    rng = np.random.default_rng(1)
    rows = rng.normal(0, 1, (600, 4)).astype(np.float32)
    hard = rows[:, 0] + rows[:, 1] ** 2 > 0.5
    weak = (~hard).astype(float)
    targets = np.column_stack([1 - weak, 1 - weak])
    space = make_space(rows, np.full(4, 0.5, np.float32), Recipe({}, 0.5, 0.3, 100))

    curve = learning_curve(space, rows, targets, 0.3, Outcomes.of(weak, np.ones(600)), 1)

    values = [point.apgr.value for point in curve.points]
    assert [point.labels for point in curve.points] == [120, 240, 360, 480]
    assert values[-1] > values[0] > 0.6
    assert all(point.apgr.low < point.apgr.value < point.apgr.high for point in curve.points)

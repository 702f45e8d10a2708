"""Ship, or do not; and why."""

import math

import numpy as np
import pytest
from unit.learn.report.samples import analysis, no_gap
from weighbridge.learn.quality import Interval
from weighbridge.learn.report.verdict import IN_USE, judge, lead_in_words


def better(score, rng):
    return score + rng.normal(0, 0.01, len(score))


def worse(score, rng):
    return rng.random(len(score))


def test_a_score_that_beats_length_ships():
    verdict = judge(analysis(extra={IN_USE: worse}))

    assert (verdict.ship, verdict.line) == (True, "ship")
    assert any("against length: +" in remark for remark in verdict.remarks)


def test_a_score_no_better_than_length_does_not_ship():
    verdict = judge(analysis(skill=0.0))

    assert (verdict.ship, verdict.line) == (
        False,
        "do not ship: not shown to be better than length",
    )


def knowing(_score, _rng):
    """The gain itself: the same draw as the first one of `samples.rows`."""
    return np.random.default_rng(1).choice([0.0, 1.0], 800, p=[0.6, 0.4])


def test_a_score_worse_than_the_one_in_use_does_not_ship():
    verdict = judge(analysis(count=800, skill=0.6, extra={IN_USE: knowing}))

    assert (verdict.ship, verdict.line) == (False, "do not ship: worse than the artifact in use")


def test_both_faults_are_told_together():
    verdict = judge(analysis(count=800, skill=0.0, extra={IN_USE: knowing}))

    assert verdict.line == (
        "do not ship: not shown to be better than length and worse than the artifact in use"
    )


def test_no_better_than_the_one_in_use_still_ships_with_a_remark():
    verdict = judge(analysis(extra={IN_USE: better}))

    assert verdict.ship
    assert any("not shown to be better than the artifact in use" in r for r in verdict.remarks)


def test_without_a_gap_nothing_ships():
    verdict = judge(no_gap())

    assert not verdict.ship
    assert "no gap" in verdict.remarks[0]


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (Interval(0.031, 0.004, 0.058), "+0.031 APGR, 95 % interval +0.004 to +0.058"),
        (Interval(-0.0001, -0.03, 0.02), "+0.000 APGR, 95 % interval -0.030 to +0.020"),
        (Interval(-0.2, math.nan, math.nan), "-0.200 APGR, too few rows for an interval"),
    ],
)
def test_a_lead_is_told_with_its_interval(lead, words):
    assert lead_in_words(lead) == words

"""Costs and qualities that can be computed by hand."""

import numpy as np
import pytest
from weighbridge.catalog import Prices
from weighbridge_experiments.thresholds import ALL_SMALL, STEPS, Judged, curve, knee, point

CHEAP, DEAR = Prices(1.0, 2.0), Prices(10.0, 20.0)
# Large is better where the score is high, and only there.
JUDGED = Judged(
    scores=np.array([0.1, 0.3, 0.5, 0.9]),
    small=np.array([1.0, 1.0, 0.0, 0.0]),
    large=np.array([1.0, 1.0, 0.0, 1.0]),
    prompt_tokens=np.array([100.0, 100.0, 100.0, 300.0]),
    answer_tokens=50.0,
)


@pytest.mark.parametrize(
    ("threshold", "share", "quality", "dollars"),
    [
        (0.0, 1.0, 0.75, 3 * 2000 + 4000),
        (0.5, 0.5, 0.75, 2 * 200 + 2000 + 4000),
        (0.6, 0.25, 0.75, 3 * 200 + 4000),
        (ALL_SMALL, 0.0, 0.5, 3 * 200 + 400),
    ],
)
def test_scores_from_the_threshold_up_go_to_large(threshold, share, quality, dollars):
    found = point(JUDGED, threshold, CHEAP, DEAR)
    assert (found.share, found.quality) == (share, quality)
    assert found.per_thousand == pytest.approx(dollars / 1e6 / 4 * 1000)
    assert found.per_million == pytest.approx(dollars / 800)


def test_by_lot_a_share_wins_that_share_of_the_gap():
    assert point(JUDGED, 0.6, CHEAP, DEAR).random == pytest.approx(0.5 + 0.25 * 0.25)


def test_a_curve_goes_from_all_large_to_all_small():
    points = curve(JUDGED, CHEAP, DEAR)
    assert len(points) == STEPS + 2
    assert (points[0].share, points[-1].share) == (1.0, 0.0)
    costs = [one.per_thousand for one in points]
    assert costs == sorted(costs, reverse=True)


def test_the_knee_is_where_all_is_won_for_least():
    assert 0.5 < knee(curve(JUDGED, CHEAP, DEAR)).threshold <= 0.9


@pytest.mark.parametrize(
    "judged",
    [
        Judged(JUDGED.scores, JUDGED.large, JUDGED.small, JUDGED.prompt_tokens, 50.0),
        Judged(JUDGED.scores[::-1], JUDGED.small, JUDGED.large, JUDGED.prompt_tokens, 50.0),
    ],
    ids=["large is worse", "the order is wrong"],
)
def test_where_no_threshold_pays_there_is_no_knee(judged):
    assert knee(curve(judged, CHEAP, DEAR)) is None


def test_the_margin_shrinks_with_the_root_of_the_rows():
    double = Judged(
        *(np.tile(each, 4) for each in (JUDGED.scores, JUDGED.small, JUDGED.large)),
        np.tile(JUDGED.prompt_tokens, 4),
        50.0,
    )
    margins = [point(each, 0.5, CHEAP, DEAR).margin for each in (JUDGED, double)]
    assert margins[0] == pytest.approx(2 * margins[1])
    assert margins[1] > 0

"""Calibration: a score is a percentile of the traffic calibrated on, whatever the raw score was."""

import math
import timeit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighbridge.calibration import KNOTS, MOST_RAW, Calibration
from weighbridge.errors import ArtifactError

TIED = Calibration([0, 0, 0, 1, 2, 2, 3, 3, 3])
RAWS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def raws_of(count=6000, seed=5):
    return np.random.default_rng(seed).normal(3.0, 2.0, count)


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.9])
def test_a_threshold_sends_its_rest_of_the_calibration_traffic_to_large(threshold):
    raws = raws_of()

    scores = Calibration.of(raws).percentiles(raws)

    assert (scores >= threshold).mean() == pytest.approx(1 - threshold, abs=0.003)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8])
def test_other_traffic_of_the_same_kind_is_split_nearly_alike(threshold):
    scores = Calibration.of(raws_of()).percentiles(raws_of(seed=6))

    assert (scores >= threshold).mean() == pytest.approx(1 - threshold, abs=0.03)


def test_a_strictly_rising_change_of_the_raw_scores_changes_no_score():
    raws = raws_of()

    scores = Calibration.of(raws).percentiles(raws)
    bent = Calibration.of(np.exp(raws)).percentiles(np.exp(raws))

    assert np.abs(scores - bent).max() < 1 / (KNOTS - 1)


@pytest.mark.parametrize(
    ("raw", "score"),
    [
        (-1.0, 0.0),
        (0.0, 1 / 8),
        (0.5, 2.5 / 8),
        (1.0, 3 / 8),
        (1.5, 3.5 / 8),
        (2.0, 4.5 / 8),
        (2.5, 5.5 / 8),
        (3.0, 7 / 8),
        (3.1, 1.0),
        (math.inf, 1.0),
        (-math.inf, 0.0),
        (math.nan, 0.5),
        (1e308, 1.0),
    ],
)
def test_between_knots_the_line_is_straight_and_ties_get_their_middle(raw, score):
    assert TIED.percentile(raw) == pytest.approx(score)
    assert TIED.percentiles(np.array([raw]))[0] == pytest.approx(score)


@given(st.lists(RAWS, min_size=2, max_size=60).filter(lambda raws: len(set(raws)) > 1), RAWS, RAWS)
@settings(deadline=None, derandomize=True, max_examples=200, database=None)
def test_a_greater_raw_score_never_gets_a_smaller_score(traffic, one, other):
    calibration = Calibration.of(traffic, knots=17)
    low, high = sorted((one, other))

    assert 0 <= calibration.percentile(low) <= calibration.percentile(high) <= 1


@given(st.lists(RAWS, min_size=2, max_size=60).filter(lambda raws: len(set(raws)) > 1))
@settings(deadline=None, derandomize=True, max_examples=100, database=None)
def test_an_array_is_scored_as_its_elements_are(traffic):
    calibration = Calibration.of(traffic, knots=9)
    raws = np.array([*traffic, *calibration.to_array(), *(np.array(traffic) + 0.5)])

    singly = [calibration.percentile(raw) for raw in raws.tolist()]

    assert calibration.percentiles(raws) == pytest.approx(np.array(singly), abs=1e-12)


def test_unequal_raw_scores_between_the_ends_get_unequal_scores():
    calibration = Calibration.of(raws_of())
    inside = np.linspace(*calibration.to_array()[[0, -1]], 5000)

    assert (np.diff(calibration.percentiles(inside)) > 0).all()


@pytest.mark.parametrize("percentile", [0.0, 0.001, 0.25, 0.5, 0.7777, 1.0])
def test_the_way_back_leads_to_the_same_score(percentile):
    calibration = Calibration.of(raws_of())

    assert calibration.percentile(calibration.raw(percentile)) == pytest.approx(percentile)


@pytest.mark.parametrize(("outside", "knot"), [(-0.5, 0), (1.5, -1)])
def test_the_way_back_ends_at_the_outermost_knots(outside, knot):
    calibration = Calibration.of(raws_of())

    assert calibration.raw(outside) == calibration.to_array()[knot]


def test_without_ties_every_bin_is_expected_to_hold_as_much():
    assert Calibration.of(raws_of()).expected_shares(20) == pytest.approx((0.05,) * 20)


@pytest.mark.parametrize("bins", [4, 20])
@pytest.mark.parametrize("tied", [0.1, 0.5, 0.9])
def test_the_bin_of_a_tie_is_expected_to_hold_all_of_it(bins, tied):
    raws = raws_of(4000)
    raws[: int(tied * 4000)] = 4.0
    calibration = Calibration.of(raws)

    counted, _ = np.histogram(calibration.percentiles(raws), bins, (0, 1))

    expected = calibration.expected_shares(bins)
    assert sum(expected) == pytest.approx(1)
    assert np.array(expected) == pytest.approx(counted / 4000, abs=2 / (KNOTS - 1))


def test_what_is_stored_is_read_back():
    calibration = Calibration.of(raws_of())
    array = calibration.to_array()

    assert (array.dtype, array.shape) == (np.float64, (KNOTS,))
    assert Calibration.from_array(array) == calibration
    assert hash(Calibration.from_array(array)) == hash(calibration)
    assert calibration != TIED
    assert "257 knots" in repr(calibration)


def test_no_one_can_change_the_knots_afterwards():
    knots = np.array([0.0, 1.0])
    calibration = Calibration(knots)
    knots[0] = 0.9

    assert calibration.percentile(0.5) == 0.5
    with pytest.raises(ValueError, match="read-only"):
        calibration.to_array()[0] = 0.9


@pytest.mark.parametrize(
    ("knots", "fault"),
    [
        ([], "expected 2 to 65537 knots, came 0"),
        ([1.0], "expected 2 to 65537 knots, came 1"),
        (np.zeros(70_000), "came 70000"),
        ([[0.0, 1.0], [2.0, 3.0]], "knots"),
        ([0.0, math.nan, 1.0], "came nan at index 1"),
        ([0.0, math.inf], "came inf at index 1"),
        ([-2 * MOST_RAW, 0.0], "at index 0"),
        ([0.0, 2.0, 1.0, 3.0], "knot 2 falls"),
        ([4.0, 4.0, 4.0], "all raw scores are 4; nothing tells hard from easy"),
    ],
)
def test_knots_that_are_none_are_refused(knots, fault):
    with pytest.raises(ArtifactError, match=fault):
        Calibration(knots)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.array([0, 1]), np.array([0, 1], dtype=np.float32)]
)
def test_a_tensor_of_another_type_or_shape_is_refused(array):
    with pytest.raises(ArtifactError, match="expected float64 in one dimension"):
        Calibration.from_array(array)


@pytest.mark.parametrize(
    ("raws", "fault"),
    [
        ([], "came none"),
        ([1.0, math.nan], "came nan at index 1"),
        ([0.5] * 9, "all raw scores are 0.5"),
    ],
)
def test_traffic_that_teaches_nothing_is_refused(raws, fault):
    with pytest.raises(ArtifactError, match=fault):
        Calibration.of(raws)


def test_a_score_costs_little_beside_a_decision():
    calibration = Calibration.of(raws_of())

    best = min(timeit.repeat(lambda: calibration.percentile(3.3), number=2000, repeat=20))

    assert best / 2000 < 20e-6  # 0.5 µs on an idle core; a busy one must not fail the test

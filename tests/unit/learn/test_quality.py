"""PGR, APGR and CPT against brute force, and intervals that mean what they say."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from weighbridge.learn import quality
from weighbridge.learn.quality import NoGapError, Outcomes

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(-2, 3)), min_size=2, max_size=6)


def outcomes_of(gains):
    assume(sum(gains) > 0)
    return Outcomes.of(np.zeros(len(gains)), gains)


def orders(scores):
    """Every order that has the hardest first: all permutations of equal scores."""
    places = range(len(scores))
    for order in itertools.permutations(places):
        ranked = [scores[place] for place in order]
        if ranked == sorted(ranked, reverse=True):
            yield order


def brute_curve(scores, gains):
    """Expected gain after sending 0, 1, ... rows, as a share of the whole."""
    curves = [
        np.cumsum([0, *(gains[place] for place in order)]) / sum(gains) for order in orders(scores)
    ]
    return np.mean(curves, axis=0)


@given(ROWS)
def test_apgr_is_the_area_below_the_mean_of_all_orders_of_equal_scores(rows):
    scores, gains = zip(*rows, strict=True)
    outcomes = outcomes_of(gains)

    area = np.trapezoid(brute_curve(scores, gains), dx=1 / len(rows))

    assert quality.apgr(scores, outcomes) == pytest.approx(area)


@given(ROWS)
def test_the_curve_passes_through_the_mean_of_all_orders(rows):
    scores, gains = zip(*rows, strict=True)
    outcomes = outcomes_of(gains)

    drawn = quality.curve(scores, outcomes, points=len(rows) + 1)

    assert drawn.pgr == pytest.approx(brute_curve(scores, gains))
    assert drawn.quality == pytest.approx(brute_curve(scores, gains) * np.mean(gains))


@given(ROWS, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_cpt_is_the_first_share_at_which_the_curve_reaches_the_level(rows, level):
    scores, gains = zip(*rows, strict=True)
    outcomes = outcomes_of(gains)
    share = np.linspace(0, 1, 60 * 200 + 1)  # holds every corner of a curve of up to six rows
    pgr = np.interp(share, np.linspace(0, 1, len(rows) + 1), brute_curve(scores, gains))

    first = share[np.argmax(pgr >= level - 1e-9)]

    assert quality.cpt(scores, outcomes, level) == pytest.approx(first, abs=1e-4)


@given(ROWS, st.integers(0, 2**32 - 1))
def test_a_resample_is_measured_as_the_rows_it_holds(rows, seed):
    scores, gains = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    outcomes = outcomes_of(gains)
    drawn = quality.resample({"s": scores}, outcomes, resamples=3, seed=seed)["s"].drawn
    picked = np.random.default_rng(seed).integers(0, len(rows), (3, len(rows)))

    for measured, places in zip(drawn, picked, strict=True):
        if gains[places].sum() <= 0:
            assert np.isnan(measured).all()
            continue
        held = Outcomes.of(np.zeros(len(rows)), gains[places])
        assert measured[0] == pytest.approx(quality.apgr(scores[places], held))
        assert measured[1] == pytest.approx(quality.cpt(scores[places], held, 0.5))
        assert measured[2] == pytest.approx(quality.cpt(scores[places], held, 0.8))


@pytest.mark.parametrize("rows", [2, 3, 10, 1000])
def test_a_constant_score_is_exactly_random(rows):
    rng = np.random.default_rng(rows)
    outcomes = Outcomes.of(rng.random(rows), 1 + rng.random(rows))

    assert quality.apgr(np.full(rows, 0.7), outcomes) == 0.5
    assert quality.cpt(np.full(rows, 0.7), outcomes, 0.8) == pytest.approx(0.8)


def test_the_best_score_and_its_reverse_lie_around_random():
    outcomes = Outcomes.of([0, 0, 1, 1], [1, 1, 1, 1])

    assert quality.apgr(outcomes.gain, outcomes) == 0.75
    assert quality.apgr(-outcomes.gain, outcomes) == 0.25
    assert quality.cpt(outcomes.gain, outcomes, 0.5) == pytest.approx(0.25)


def many(rows=400, seed=1):
    rng = np.random.default_rng(seed)
    gain = rng.choice([-1.0, 0.0, 1.0], rows, p=[0.1, 0.6, 0.3])
    return gain + rng.normal(0, 1, rows), Outcomes.of(np.zeros(rows), gain), rng


def test_the_same_seed_gives_the_same_interval():
    score, outcomes, _ = many()

    first, second = (
        quality.resample({"s": score}, outcomes, resamples=200)["s"].quality() for _ in range(2)
    )

    assert first == second
    assert first.apgr.low < first.apgr.value < first.apgr.high


def test_a_paired_interval_is_narrower_than_two_apart():
    score, outcomes, rng = many()
    near = score + rng.normal(0, 0.05, len(score))
    samples = quality.resample({"a": score, "b": near}, outcomes, resamples=500)

    lead = quality.difference(samples["a"], samples["b"])
    alone = samples["a"].quality().apgr

    assert lead.low <= lead.value <= lead.high
    assert lead.high - lead.low < (alone.high - alone.low) / 4
    assert quality.difference(samples["a"], samples["a"]) == quality.Interval(0.0, 0.0, 0.0)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        gain = rng.choice([0.0, 1.0], 300, p=[0.7, 0.3])
        outcomes = Outcomes.of(np.zeros(300), gain)
        # A score that knows nothing: its true APGR is one half.
        samples = quality.resample({"s": rng.random(300)}, outcomes, resamples=200, seed=seed)
        interval = samples["s"].quality().apgr
        covered += interval.low <= 0.5 <= interval.high

    assert 50 <= covered <= 60


def test_luck_has_a_range_around_one_half():
    _, outcomes, _ = many()

    luck = quality.random_quality(outcomes, draws=500)

    assert luck.apgr.value == 0.5
    assert 0.35 < luck.apgr.low < 0.47
    assert 0.53 < luck.apgr.high < 0.65


def test_a_band_holds_its_curve_and_is_tied_at_both_ends():
    score, outcomes, _ = many()

    drawn = quality.banded_curve(score, outcomes, points=11, resamples=200)

    inside = [
        low <= pgr <= high for low, pgr, high in zip(drawn.low, drawn.pgr, drawn.high, strict=True)
    ]
    assert all(inside[1:-1])
    assert (drawn.low[0], drawn.high[0]) == (0, 0)
    assert (drawn.low[-1], drawn.high[-1]) == pytest.approx((1, 1))


def test_where_resamples_often_have_no_gap_there_is_no_interval():
    outcomes = Outcomes.of([0, 1, 0], [1, 0, 1])

    samples = quality.resample({"s": [3, 2, 1]}, outcomes, resamples=200)["s"]
    drawn = quality.banded_curve([3, 2, 1], outcomes)

    assert math.isnan(samples.quality().apgr.low)
    assert samples.quality().apgr.value == quality.apgr([3, 2, 1], outcomes)
    assert drawn.low == []


@pytest.mark.parametrize(
    ("weak", "strong"),
    [([1, 1], [1, 1]), ([0, 1], [1, 0]), ([1, 1], [0, 1]), ([0.1] * 3, [0.1] * 3)],
)
def test_without_a_gap_there_is_nothing_to_share_out(weak, strong):
    with pytest.raises(NoGapError, match="no gap to recover"):
        Outcomes.of(weak, strong)


@pytest.mark.parametrize(
    ("weak", "strong", "said"),
    [
        ([0], [1], "at least two rows"),
        ([[0, 1]], [[1, 1]], "at least two rows"),
        ([0, 1, 0], [1, 1], "as many rows, came 3 and 2"),
        ([0, math.nan], [1, 1], "weak: expected finite numbers, came 1 of 2"),
        ([0, 0], [1, math.inf], "strong: expected finite numbers"),
    ],
)
def test_columns_that_are_no_outcomes_are_told_from_each_other(weak, strong, said):
    with pytest.raises(ValueError, match=said):
        Outcomes.of(weak, strong)


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ([1, math.nan, 2], "score: expected finite"),
        ([1, 2], "score and outcomes"),
        ([], "two rows"),
    ],
)
def test_a_score_that_does_not_fit_the_rows_is_refused(score, said):
    with pytest.raises(ValueError, match=said):
        quality.apgr(score, Outcomes.of([0, 0, 0], [1, 0, 0]))


@pytest.mark.parametrize("level", [0, -0.1, 1.01])
def test_a_level_that_no_curve_can_reach_is_refused(level):
    with pytest.raises(ValueError, match="level"):
        quality.cpt([1, 2], Outcomes.of([0, 0], [1, 0]), level)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (5, 10, 0.237, 0.763)],
)
def test_a_share_has_its_wilson_interval(hits, of, low, high):
    share = quality.wilson(hits, of)

    assert (share.value, share.low, share.high) == pytest.approx((hits / of, low, high), abs=5e-4)


def test_a_share_of_nothing_is_not_a_number():
    assert math.isnan(quality.wilson(0, 0).value)


@pytest.mark.parametrize(
    ("lower", "higher", "share"),
    [([1, 2], [3, 4], 1.0), ([3], [1], 0.0), ([1, 1], [1], 0.5), ([1, 3], [2], 0.5)],
)
def test_separation_counts_pairs_in_the_right_order(lower, higher, share):
    assert quality.separation(lower, higher) == share


def test_separation_of_nothing_is_not_a_number():
    assert math.isnan(quality.separation([], [1]))


def test_length_is_counted_in_characters():
    assert quality.length_scores(["", "ab", "żółw"]).tolist() == [0, 2, 4]

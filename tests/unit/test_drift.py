"""Drift: none for the traffic calibrated on, much for another, nothing claimed of too little."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighbridge.calibration import Calibration
from weighbridge.drift import (
    BINS,
    EVEN,
    HALF_WINDOW,
    LEAST,
    SHIFTED,
    STABLE,
    ScoreDrift,
    bin_of,
    histogram,
    stability_index,
)


def scores(count, power=1.0, seed=7):
    """Evenly drawn scores; `power` above 1 pushes them down, below 1 up."""
    source = random.Random(seed)
    return [source.random() ** power for _ in range(count)]


def drift_of(values, expected=EVEN):
    drift = ScoreDrift(expected)
    for value in values:
        drift.observe(value)
    return drift.index()


@pytest.mark.parametrize(
    ("score", "place"),
    [
        (0.0, 0),
        (0.049, 0),
        (0.05, 1),
        (0.5, 10),
        (0.9499, 18),
        (0.95, 19),
        (1.0, 19),
        (-3.0, 0),
        (7.0, 19),
    ],
)
def test_a_score_lies_in_the_bin_that_begins_at_or_below_it(score, place):
    assert bin_of(score) == place


def test_a_histogram_counts_each_score_once():
    counts = histogram([0.0, 0.01, 0.5, 1.0])

    assert (sum(counts), counts[0], counts[10], counts[19]) == (4, 2, 1, 1)


def test_the_index_is_that_of_the_definition():
    # (0.75 - 0.5) ln(0.75 / 0.5) + (0.25 - 0.5) ln(0.25 / 0.5), but for half a score in each bin.
    assert stability_index([75_000, 25_000], [0.5, 0.5]) == pytest.approx(0.274653, abs=1e-4)


@given(st.lists(st.integers(0, 1000), min_size=BINS, max_size=BINS))
@settings(deadline=None, derandomize=True, max_examples=50, database=None)
def test_the_index_is_finite_and_never_below_zero(counts):
    assert 0 <= stability_index(counts) < 20


def test_a_bin_that_is_empty_on_both_sides_adds_nothing():
    assert stability_index([50, 50, 0], [0.5, 0.5, 0.0]) == 0


@pytest.mark.parametrize(
    ("power", "least", "most"),
    [(1.0, 0.0, STABLE), (1.3, 0.02, SHIFTED), (2.0, SHIFTED, 10.0), (0.4, SHIFTED, 10.0)],
)
@pytest.mark.parametrize("count", [LEAST, 4000])
def test_the_index_grows_with_the_shift_of_the_traffic(power, least, most, count):
    assert least <= drift_of(scores(count, power)) < most


def test_chance_alone_moves_the_index_as_little_as_is_said():
    drawn = [stability_index(histogram(scores(LEAST, seed=seed))) for seed in range(50)]

    assert sum(drawn) / len(drawn) == pytest.approx((BINS - 1) / LEAST, rel=0.15)
    assert max(drawn) < STABLE


def test_nothing_is_shown_before_there_are_enough_scores():
    values = scores(LEAST)

    assert drift_of(values[:-1]) is None
    assert drift_of(values) is not None


def test_without_calibration_nothing_is_ever_shown():
    assert drift_of(scores(LEAST), expected=None) is None


def test_the_window_forgets_what_is_older_than_two_halves():
    shifted, usual = scores(2 * HALF_WINDOW, power=3), scores(2 * HALF_WINDOW)

    assert drift_of(shifted) > SHIFTED
    assert drift_of(shifted + usual) == drift_of(usual) < STABLE


def test_the_window_holds_a_half_at_the_turn_and_nothing_of_the_half_before():
    shifted, usual = scores(HALF_WINDOW, power=3), scores(HALF_WINDOW)

    assert drift_of(shifted + usual[:-1]) > STABLE
    assert drift_of(shifted + usual) == drift_of(usual) < STABLE


def test_one_prompt_sent_again_and_again_is_no_drift_where_it_was_calibrated_on():
    source = random.Random(3)
    raws = [0.25 if source.random() < 0.3 else source.gauss(0, 1) for _ in range(6000)]
    calibration = Calibration.of(raws[:3000])
    live = [calibration.percentile(raw) for raw in raws[3000:]]

    assert drift_of(live) > SHIFTED
    assert drift_of(live, calibration.expected_shares(BINS)) < STABLE


def test_a_reader_beside_the_observer_always_sees_a_number():
    drift, values = ScoreDrift(), scores(5 * HALF_WINDOW)
    for value in values[:LEAST]:
        drift.observe(value)
    observer = threading.Thread(target=lambda: [drift.observe(value) for value in values])
    observer.start()
    seen = [drift.index()]
    while observer.is_alive():
        seen.append(drift.index())
    observer.join()

    assert all(index is not None and index < STABLE for index in seen)

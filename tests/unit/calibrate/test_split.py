"""Splits: what a threshold sends to the hard tier, its cost, and the threshold for a wish."""

import numpy as np
import pytest
from unit.bodies import make_settings
from unit.calibrate.fakes import SERVED, traffic
from weighbridge.calibrate.split import THRESHOLDS, Pair, Split
from weighbridge.calibration import Calibration
from weighbridge.catalog import Model, Prices

PLAIN = Calibration([0.0, 1.0])
SMALL = Model("s", 8, "small", 8192, Prices(1.0, 2.0))
LARGE = Model("l", 70, "large", 131_072, Prices(10.0, 20.0))
PAIR = Pair(SMALL, LARGE, answer_tokens=100, bytes_per_token=4.0)


def split(raws, calibration=PLAIN, served=PLAIN, sticky=True, pair=PAIR, **fields):
    settings = make_settings(policy={"sticky": sticky})
    return Split(traffic(raws, **fields), served, calibration, settings, pair)


def share(made, threshold):
    return float(made.shares(np.array([threshold]))[0])


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.0, 1.0), (0.2, 1.0), (0.3, 0.75), (0.8, 0.25), (0.81, 0.0)]
)
def test_scores_at_the_threshold_and_above_go_to_large(threshold, expected):
    assert share(split([0.2, 0.4, 0.6, 0.8]), threshold) == expected


@pytest.mark.parametrize(("sticky", "expected"), [(True, 0.5), (False, 0.0)])
def test_an_earlier_hard_ask_counts_where_conversations_stick(sticky, expected):
    assert share(split([0.1, 0.2], sticky=sticky, earlier=[0.9, 0.0]), 0.5) == expected


def test_earlier_scores_are_carried_over_to_another_calibration():
    fresh = Calibration([0.0, 4.0])  # halves and halves again what was a score

    assert share(split([0.0, 0.0], fresh, earlier=[0.8, 0.0]), 0.19) == 0.5
    assert share(split([0.0, 0.0], fresh, earlier=[0.8, 0.0]), 0.21) == 0.0


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, 0.75), (0.5, 0.25), (1.0, 0.25)])
def test_what_guards_decided_no_threshold_changes(threshold, expected):
    made = split([0.4, 0.4, 0.1, 0.9], fixed=["", "", "large", "small"])

    assert share(made, threshold) == expected


def test_calibrated_traffic_is_split_as_thresholds_promise():
    raws = np.random.default_rng(4).normal(1.0, 2.0, 5000)
    made = split(raws, Calibration.of(raws), SERVED)

    assert made.shares(THRESHOLDS) == pytest.approx(1 - THRESHOLDS, abs=0.003)


def test_a_request_costs_its_tokens_at_the_prices_of_its_model():
    made = split([0.4, 0.6], body_bytes=[400.0, 4000.0])

    # 100 and 1,000 tokens in, 100 out.
    small, large = (100 + 1000 + 2 * 200) / 2e6, (1000 + 10_000 + 2 * 2000) / 2e6
    assert made.all_small == pytest.approx(small)
    assert made.all_large == pytest.approx(large)
    mixed = (100 + 200 + 10_000 + 2000) / 2e6
    assert made.dollars(np.array([0.0, 0.5, 1.0])) == pytest.approx([large, mixed, small])


def test_no_model_is_paid_for_more_tokens_than_it_can_read():
    made = split([0.0, 1.0], body_bytes=40e6)  # images, as they come in a body

    assert made.all_small == pytest.approx((8192 + 200) / 1e6)
    assert made.all_large == pytest.approx((1_310_720 + 2000) / 1e6)


@pytest.mark.parametrize("wanted", [0.0, 0.1, 0.3, 0.777, 1.0])
def test_a_wanted_share_gets_its_threshold(wanted):
    raws = np.random.default_rng(8).random(3000)
    made = split(raws)

    assert share(made, made.threshold_for_share(wanted)) == pytest.approx(wanted, abs=0.002)


def test_a_share_that_ties_forbid_gets_the_nearest_there_is():
    made = split([0.1, 0.5, 0.5, 0.5, 0.9])

    assert share(made, made.threshold_for_share(0.3)) == pytest.approx(0.2)
    assert share(made, made.threshold_for_share(0.7)) == pytest.approx(0.8)


@pytest.mark.parametrize("part", [0.05, 0.4, 0.95])
def test_a_budget_is_kept_and_all_of_it_spent_on_quality(part):
    made = split(np.random.default_rng(8).random(3000))
    budget = made.all_small + part * (made.all_large - made.all_small)

    threshold = made.threshold_for_dollars(budget)

    lower = threshold - 0.001
    assert made.dollars(np.array([threshold]))[0] <= budget
    assert made.dollars(np.array([lower]))[0] > budget


def test_a_budget_for_all_at_large_takes_the_lowest_threshold():
    made = split([0.2, 0.7])

    assert made.threshold_for_dollars(made.all_large) == 0.0


def test_a_budget_below_all_at_small_has_no_threshold():
    made = split([0.2, 0.7])

    assert made.threshold_for_dollars(made.all_small * 0.99) is None

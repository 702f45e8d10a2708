"""Percentiles and spreads against values worked out by hand."""

import pytest
from weighbridge.bench.statistics import (
    Latencies,
    Spread,
    differences,
    latencies,
    percentile,
    ratios,
    spread,
)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)]
)
def test_a_percentile_is_a_value_that_was_measured(share, expected):
    assert percentile(range(1, 101), share) == expected


def test_a_single_value_is_every_percentile():
    assert latencies([0.002]) == Latencies(2.0, 2.0, 2.0, 2.0)


def test_latencies_are_milliseconds_in_whatever_order_they_came():
    seconds = [number / 1000 for number in range(100, 0, -1)]

    assert latencies(seconds) == Latencies(50.0, 90.0, 99.0, 100.0)


def test_no_latencies_are_zeros_not_an_error():
    assert latencies([]) == Latencies(0.0, 0.0, 0.0, 0.0)


def test_a_spread_has_the_median_between_its_ends():
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)


def test_noise_is_half_the_range_over_the_median():
    assert Spread(10.0, 8.0, 12.0).noise == pytest.approx(0.2)


def test_the_noise_of_nothing_is_none():
    assert Spread(0.0, -1.0, 1.0).noise == 0.0


def test_a_slow_round_cancels_out_of_differences_and_ratios():
    slow_second = [1.0, 10.0, 1.0]

    assert differences([2.0, 11.0, 2.0], slow_second) == Spread(1.0, 1.0, 1.0)
    assert ratios([0.5, 5.0, 0.5], slow_second) == Spread(0.5, 0.5, 0.5)


def test_rounds_that_are_missing_are_an_error_not_a_shorter_comparison():
    with pytest.raises(ValueError, match="argument 2"):
        differences([1.0], [1.0, 2.0])

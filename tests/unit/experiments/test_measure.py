import math

import pytest
from weighbridge_experiments.measure import count, percentiles, spread
from weighbridge_experiments.request import End, Request


def test_percentiles_are_of_what_is_known():
    found = percentiles([math.nan, *(float(each) for each in range(101))])
    assert (found.p50, found.p95, found.p99) == (50.0, 95.0, 99.0)


def test_of_nothing_no_percentile_is_known():
    assert math.isnan(percentiles([math.nan]).p95)


def test_ends_are_counted_and_what_is_on_its_way_too():
    requests = [Request(1, 1) for _ in range(3)]
    requests[0].finish(End.CUT, 1.0)
    assert [count(requests, end) for end in (End.CUT, End.REFUSED, None)] == [1, 0, 2]


@pytest.mark.parametrize(
    ("values", "form", "words"),
    [
        ([1.0, 3.0, 2.0], ".1f", "2.0 (1.0 to 3.0)"),
        ([2.01, 2.02, 1.99], ".1f", "2.0"),
        ([0.25], ".0%", "25%"),
    ],
)
def test_a_spread_is_told_where_there_is_one(values, form, words):
    assert spread(values, lambda value: value, form) == words

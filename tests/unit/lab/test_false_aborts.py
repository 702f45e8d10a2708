"""What is said of rollouts that were given up by chance."""

import pytest
from weighbridge_lab.change import Measurement
from weighbridge_lab.false_aborts import Outcome, most_likely_at_most, tables


@pytest.mark.parametrize(
    ("bad", "times", "most"),
    [
        # None of n: 1 - 0.05 ** (1 / n).
        (0, 20, 0.1391),
        (0, 180, 0.0165),
        # By a table of exact one-sided 95 % limits.
        (1, 20, 0.2161),
        (20, 20, 1.0),
    ],
)
def test_bound_is_clopper_and_pearsons(bad, times, most):
    assert most_likely_at_most(bad, times) == pytest.approx(most, abs=5e-5)


def test_tables_tell_ends_bounds_and_each_metric():
    measured = [
        Measurement(1.0, "ttft", "Successful", "[0.5]"),
        Measurement(2.0, "ttft", "Failed", "[2]"),
    ]
    outcomes = [
        Outcome("gemma", "promoted", 60.0, "", measured[:1]),
        Outcome("gemma", "aborted", 30.0, "by ttft", measured),
    ]

    lines = tables(outcomes).splitlines()

    assert lines[0].startswith("2 rollouts of healthy, noisy versions: 1 promoted, 1 aborted; ")
    assert lines[1] == "False aborts: 50%; 95 % confidence: at most 97.5%."
    assert lines[2] == "gemma aborted: by ttft"
    assert lines[-1] == "| ttft | 3 | 2 | 1 | 0 | 0 | 2.000 |"

import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.measure import Case, Took, measure_change, row

OLD, NEW = "old", "new"


def answers(*first):
    """What asks these answers, then the new one for ever."""
    left = iter(first)
    return lambda: next(left, NEW)


def test_clock_stops_at_the_first_answer_that_no_old_one_follows():
    asked = []
    told = answers(OLD, NEW, OLD, NEW)

    def ask():
        asked.append(told())
        return asked[-1]

    took = measure_change(lambda: None, ask, NEW, hold_s=0.05)

    assert asked[:4] == [OLD, NEW, OLD, NEW]
    assert len(asked) > 5
    # Three pauses lie between the first question and the fourth, none after it counts.
    assert took.effect >= 0.015
    assert took.command <= took.effect


def test_command_is_waited_for_where_its_effect_comes_first():
    done = []
    measure_change(lambda: done.append(True), answers(), NEW, hold_s=0.0)
    assert done == [True]


def test_change_without_effect_is_a_fault_that_says_what_was_expected():
    with pytest.raises(LabError, match="expected 'new'"):
        measure_change(lambda: None, lambda: OLD, NEW, timeout_s=0.05)


def test_change_that_fails_is_not_waited_for():
    def change():
        raise LabError("refused")

    with pytest.raises(LabError, match="refused"):
        measure_change(change, lambda: OLD, NEW)


def test_row_tells_median_and_most():
    case = Case("route", "kubectl", lambda: None, lambda: None)
    took = [Took(0.1, 0.2), Took(0.1, 0.4), Took(1.3, 1.0)]
    assert row(case, took) == "| route | kubectl | 3 | 0.10 (1.30) | 0.40 (1.00) | 0.10 (0.30) |"

import pytest
from weighbridge_experiments.clock import Clock


def test_what_is_due_happens_in_order_of_time_and_then_of_asking():
    clock, seen = Clock(), []
    for name, when in (("late", 2.0), ("first", 1.0), ("second", 1.0)):
        clock.at(when, lambda name=name: seen.append((clock.now, name)))
    clock.run()
    assert seen == [(1.0, "first"), (1.0, "second"), (2.0, "late")]


def test_an_end_is_kept_to_and_reached():
    clock, seen = Clock(), []
    clock.at(5.0, lambda: seen.append(5))
    clock.at(5.1, lambda: seen.append(6))
    clock.run(5.0)
    assert (clock.now, seen) == (5.0, [5])


def test_what_happens_again_and_again_ends():
    clock, seen = Clock(), []
    clock.every(10.0, lambda: seen.append(clock.now), until=30.0)
    clock.run()
    assert seen == [10.0, 20.0, 30.0]


def test_the_past_can_not_be_asked_for():
    clock = Clock()
    clock.run(3.0)
    with pytest.raises(ValueError, match=r"from 3\.0 on, came 2\.0"):
        clock.at(2.0, lambda: None)

"""Names of clients become labels, and never more of them than there may be."""

import random

import pytest
from weighbridge.metering.seats import NOBODY, OTHER, Heavyweights, Roll


@pytest.mark.parametrize(
    ("name", "label"),
    [("a", "a"), ("", NOBODY), ("-", NOBODY), ("x" * 65, OTHER), ("a\nb", OTHER), (OTHER, OTHER)],
)
def test_names_are_cleaned(name, label):
    assert Roll(5).label(name) == label


def test_those_who_come_late_are_others():
    roll = Roll(2)
    assert [roll.label(name) for name in "abcab"] == ["a", "b", OTHER, "a", "b"]


def test_only_known_names_count_where_they_are_given():
    roll = Roll(100, ["a"])
    assert [roll.label(name) for name in ("a", "b", "")] == ["a", OTHER, NOBODY]


def test_no_seats_make_everybody_an_other():
    assert Heavyweights(0, pytest.fail).label("ann", 5) == OTHER


def test_a_heavier_one_takes_the_seat_of_the_lightest():
    left = []
    heavy = Heavyweights(2, left.append)
    for name, weight in (("a", 5), ("b", 1)):
        assert heavy.label(name, weight) == name
    assert heavy.label("c", 1) == OTHER
    assert heavy.label("c", 1) == "c"
    assert left == ["b"]
    assert heavy.label("b", 0) == OTHER


def test_many_light_ones_unseat_no_heavy_one():
    left = []
    heavy = Heavyweights(3, left.append)
    names = [f"light-{number}" for number in range(2000)] + ["ann", "bob", "cyd"] * 400
    random.Random(7).shuffle(names)
    for name in names:
        heavy.label(name, 1 if name.startswith("light") else 100)

    assert {heavy.label(name, 0) for name in ("ann", "bob", "cyd")} == {"ann", "bob", "cyd"}


def test_labels_and_memory_are_bounded():
    seated = set()
    heavy = Heavyweights(5, seated.discard)
    for number in range(5000):
        label = heavy.label(f"user-{number % 700}", number % 13)
        if label != OTHER:
            seated.add(label)
        assert len(seated) <= 5
    assert len(heavy._weights) <= 20

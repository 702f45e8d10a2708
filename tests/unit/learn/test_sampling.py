"""Sampling: by share of each tenth, the same again, and a larger one keeps a smaller one's."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighbridge.learn.records import PromptLine
from weighbridge.learn.sampling import StratifiedSample, decile_of, split

TRAFFIC = [(f"prompt {n}", 0.05 + 0.1 * (n % 10 if n % 4 == 0 else 0)) for n in range(2000)]


def sample(size, prompts=TRAFFIC, seed=1, *, even=False):
    made = StratifiedSample(size, seed, even=even)
    for text, score in prompts:
        made.add(PromptLine(prompt=text), score, text.encode())
    return [(line.prompt, decile) for line, decile in made.chosen()]


@pytest.mark.parametrize(
    ("score", "decile"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.55, 5), (0.99, 9), (1.0, 9)]
)
def test_the_scale_has_ten_tenths(score, decile):
    assert decile_of(score) == decile


def test_each_tenth_has_its_share_of_the_whole():
    whole = Counter(decile_of(score) for _, score in TRAFFIC)

    chosen = Counter(decile for _, decile in sample(200))

    assert chosen == {decile: count // 10 for decile, count in whole.items()}


def test_even_takes_as_many_of_each():
    assert Counter(decile for _, decile in sample(50, even=True)) == dict.fromkeys(
        range(0, 10, 2), 10
    )


def test_the_same_prompts_give_the_same_sample_in_any_order():
    assert sorted(sample(100)) == sorted(sample(100, TRAFFIC[::-1]))


def test_the_sample_keeps_the_order_of_the_files():
    chosen = [text for text, _ in sample(100)]

    assert chosen == [text for text, _ in TRAFFIC if text in set(chosen)]


def test_another_seed_gives_another_sample():
    assert sample(100, seed=1) != sample(100, seed=-(2**80))


@pytest.mark.parametrize("even", [False, True])
def test_a_larger_sample_holds_nearly_all_of_a_smaller_one(even):
    smaller, larger = set(sample(100, even=even)), set(sample(200, even=even))

    assert len(smaller - larger) <= 2


def test_where_there_are_fewer_all_are_taken():
    assert [text for text, _ in sample(5000)] == [text for text, _ in TRAFFIC]


def test_no_more_are_held_than_could_be_chosen():
    made = StratifiedSample(3, 1)
    for number in range(100):
        made.add(PromptLine(prompt=str(number)), 0.5, str(number).encode())

    assert sum(map(len, made._held)) == 3


@given(st.lists(st.integers(0, 50), min_size=10, max_size=10), st.integers(0, 600), st.booleans())
@settings(deadline=None, derandomize=True, max_examples=200, database=None)
def test_parts_add_up_and_none_is_larger_than_its_group(counts, size, even):
    parts = split(counts, size, even=even)

    assert sum(parts) == min(size, sum(counts))
    assert all(0 <= part <= count for part, count in zip(parts, counts, strict=True))


@given(st.lists(st.integers(0, 50), min_size=10, max_size=10), st.integers(0, 400))
@settings(deadline=None, derandomize=True, max_examples=200, database=None)
def test_even_parts_differ_by_one_at_most_where_the_groups_are_large_enough(counts, size):
    parts = split(counts, size, even=True)

    unfilled = [part for part, count in zip(parts, counts, strict=True) if part < count]
    assert not unfilled or max(parts) - min(unfilled) <= 1

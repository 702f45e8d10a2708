"""Features are counts of signs: finite, never negative, and each moved by its own sign."""

import math

import pytest
from unit.bodies import EASY, HARD
from weighbridge.features import FEATURE_NAMES, extract_features
from weighbridge.prompt import Ask


def features(text, size=None):
    return extract_features(Ask(text, len(text) if size is None else size))


@pytest.mark.parametrize("text", ["", EASY, HARD, "你好", "\x00", "?" * 4096, "a " * 2048, "🐢"])
def test_every_feature_is_finite_and_not_negative(text):
    counted = features(text)

    for name in FEATURE_NAMES:
        value = getattr(counted, name)
        assert math.isfinite(value), name
        assert value >= 0, name


def test_an_empty_ask_shows_no_sign_at_all():
    assert {getattr(features(""), name) for name in FEATURE_NAMES} == {0.0}


@pytest.mark.parametrize(
    ("feature", "text"),
    [
        ("words", "one two three"),
        ("lines", "one\ntwo"),
        ("items", "- one\n- two\n"),
        ("items", "1. one\n2) two\n"),
        ("questions", "who? what?"),
        ("code", "```\nprint()\n```"),
        ("code", "Traceback of the error: x"),
        ("maths", "\\frac{1}{2} and ∑"),
        ("hard", "Prove the theorem!"),
        ("hard", "(Derive) *invariants*, please."),
        ("easy", "Hello, what is the CAPITAL of Chad?"),
        ("steps", "If so, then stop; otherwise first wait."),
        ("why", "Explain why."),
    ],
)
def test_a_sign_is_seen_by_its_feature(feature, text):
    assert getattr(features(text), feature) > getattr(features("xylophone"), feature)


@pytest.mark.parametrize("feature", ["code", "maths", "hard", "easy", "steps", "items"])
def test_an_ordinary_sentence_shows_none_of_the_rarer_signs(feature):
    assert getattr(features("Blue birds were singing in a tall tree."), feature) == 0


def test_a_sign_repeated_weighs_less_each_time():
    one, ten, hundred = (features("print() " * times).code for times in (1, 10, 100))

    assert one < ten < hundred
    assert hundred - ten < 10 * (ten - one)


def test_the_size_is_that_of_the_whole_text_not_of_the_excerpt():
    assert features("short", size=100_000).size == math.log1p(100_000)


def test_words_with_the_same_letters_inside_are_no_signs():
    assert features("improved disapproval").hard == 0

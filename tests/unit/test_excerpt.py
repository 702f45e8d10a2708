"""Excerpts: the head and the tail of a JSON string, decoded, whatever is cut."""

import json

import pytest
from weighbridge.excerpt import SEAM, excerpt, head_of, shorten


def literal(text, *, ascii_only=True):
    return memoryview(json.dumps(text, ensure_ascii=ascii_only).encode())


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    "text", ["", "plain", 'quote " and \\ backslash', "a\nb\tc", "żółw", "你好", "🐢", "\x00\x1f"]
)
def test_a_text_within_the_budget_comes_out_whole(text, ascii_only):
    assert excerpt(literal(text, ascii_only=ascii_only), 100) == text


def test_a_text_of_exactly_the_budget_is_not_cut():
    assert excerpt(literal("x" * 64), 64) == "x" * 64


def test_a_long_text_gives_its_head_and_its_tail_cut_at_words():
    text = "first words " + "middle " * 500 + "last words"

    cut = excerpt(literal(text), 100)

    head, tail = cut.split(SEAM)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert not head.endswith("midd")
    assert 50 <= len(cut) <= 100 + len(SEAM)


def test_a_long_text_without_spaces_is_still_cut_near_the_budget():
    head, tail = excerpt(literal("a" * 5000 + "z" * 5000), 100).split(SEAM)

    assert (head, tail) == ("a" * 50, "z" * 50)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("character", ["ł", "你", "🐢", '"', "\\", "\n", "\x01"])
@pytest.mark.parametrize("budget", range(20, 34))
def test_a_cut_inside_a_character_loses_that_character_alone(character, budget, ascii_only):
    cut = excerpt(literal(character * 100, ascii_only=ascii_only), budget)

    head, tail = cut.split(SEAM)
    # What is left of a cut escape is at most its last characters, such as u4f60.
    assert len(head.replace(character, "")) <= 6
    assert len(tail.replace(character, "")) <= 11
    cut.encode()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'"\\ud83d\\udc22"', "🐢"),
        (b'"caf\xc3\xa9 \xff ok"', "café  ok"),
        (b'"\\q"', "q"),
        (b'"\xed\xa0\x80x"', "x"),
    ],
)
def test_what_strict_decoders_refuse_is_read_leniently(raw, text):
    assert excerpt(memoryview(raw), 100) == text


@pytest.mark.parametrize("raw", [b'"a\\ud800b"', b'"a\\udc00b"', b'"a\\udc00\\ud800b"'])
def test_lone_surrogates_never_come_out(raw):
    text = excerpt(memoryview(raw), 100)

    assert text.startswith("a")
    assert text.endswith("b")
    text.encode()


def test_the_head_is_whole_within_its_budget_and_cut_at_a_word_beyond_it():
    assert head_of(literal("be kind"), 100) == "be kind"
    assert head_of(literal("be kind to animals"), 10) == "be kind"


def test_only_the_ends_of_a_long_text_are_copied():
    class Counted(bytes):
        __slots__ = ()

    view = memoryview(Counted(b'"' + b"x" * 10_000_000 + b'"'))

    assert len(excerpt(view, 1000)) == 1000 + len(SEAM)


@pytest.mark.parametrize(
    ("text", "budget", "cut"),
    [("short", 5, "short"), ("", 5, ""), ("abcdefgh", 4, f"ab{SEAM}gh")],
)
def test_a_decoded_text_is_shortened_the_same_way(text, budget, cut):
    assert shorten(text, budget) == cut

"""The estimate covers what is still to be asked, and no more."""

import io
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from weighbridge.learn.label.intake import Numbered
from weighbridge.learn.label.journal import Key, Paid
from weighbridge.learn.label.options import (
    Endpoint,
    LabelOptions,
    Method,
    Price,
    Role,
    Sampling,
    Tokens,
)
from weighbridge.learn.label.plan import (
    TYPICAL_ANSWER,
    estimate,
    estimate_tokens,
    money,
    print_plan,
)
from weighbridge.learn.records import PromptLine

OPTIONS = LabelOptions(
    prompts=Path("p"),
    out=Path("o"),
    small=Endpoint("http://s/v1", price=Price(1, 10)),
    large=Endpoint("http://l/v1", price=Price(2, 20)),
    judge=Endpoint("http://j/v1", price=Price(3, 30)),
    sampling=Sampling(max_tokens=1000),
)
PROMPTS = [
    Numbered(number, PromptLine(id=name, prompt="x" * 400)) for number, name in enumerate("abcd", 1)
]


def paid(name, role, output, step=""):
    return Key(name, role, step), Paid(name, role, "h", "t", "m", Tokens(9, output), 1.0)


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ("x" * 40, 14),
        ("é" * 40, 24),
        ([{"type": "text", "text": "x" * 40}], 14),
        ([{"type": "image_url", "image_url": {"url": "data:" + "A" * 100_000}}], 504),
        (None, 4),
    ],
)
def test_tokens_are_estimated_by_the_bytes_of_texts(content, tokens):
    assert estimate_tokens([{"role": "user", "content": content}]) == tokens


def test_each_pool_is_asked_each_prompt_once():
    shares = estimate(OPTIONS, Method.EXACT, PROMPTS, {})
    assert set(shares) == {Role.SMALL, Role.LARGE}
    for share in shares.values():
        assert share.requests == 4
        assert share.likely == Tokens(4 * 104, 4 * TYPICAL_ANSWER)
        assert share.most == Tokens(4 * 104, 4 * 1000)


def test_what_is_paid_for_is_left_out_and_tells_how_long_answers_are():
    share = estimate(OPTIONS, Method.EXACT, PROMPTS, dict([paid("a", Role.SMALL, 50)]))[Role.SMALL]
    assert share.requests == 3
    assert share.likely.output == 3 * 50


def test_a_judge_reads_both_answers_in_both_orders():
    share = estimate(OPTIONS, Method.JUDGE, PROMPTS, {})[Role.JUDGE]
    assert share.requests == 8
    assert share.likely.input > 8 * (100 + 2 * TYPICAL_ANSWER)
    assert share.most.input > share.likely.input
    judged = estimate(OPTIONS, Method.JUDGE, PROMPTS, dict([paid("a", Role.JUDGE, 9, "x")]))
    assert judged[Role.JUDGE].requests == 6


def printed(options):
    console = Console(file=io.StringIO(), width=200)
    shares = estimate(options, Method.EXACT, PROMPTS, {})
    print_plan(console, options, {Role.SMALL: "gemma", Role.LARGE: "llama"}, shares)
    return console.file.getvalue()


def test_the_plan_names_models_requests_and_dollars():
    text = printed(OPTIONS)
    assert "gemma" in text
    # 416 tokens in; 1,200 likely out, 4,000 at most: at $1 and $10, and at $2 and $20 a million.
    assert "likely cost $0.0372, at most $0.1212;" in text


@pytest.mark.parametrize(
    ("dollars", "text"), [(0, "$0.0000"), (0.01234, "$0.0123"), (1234.5, "$1,234.50")]
)
def test_small_sums_are_told_finely(dollars, text):
    assert money(dollars) == text


def test_without_prices_the_plan_says_which_are_lacking():
    options = msgspec.structs.replace(OPTIONS, large=Endpoint("http://l/v1"))
    assert "likely cost unknown without --large-price;" in printed(options)

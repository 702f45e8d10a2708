import io
import json
import shlex
from pathlib import Path

import pytest
from rich.console import Console
from weighbridge.local.decisions import Line
from weighbridge.local.screen import EASY, HARD, Addresses, Screen, curl

ADDRESSES = Addresses("http://127.0.0.1:1/v1", "http://m", "http://a", Path("logs"))
LINE = Line("2026-11-21T05:40:37Z", "small", "0.034", "score", 200, 5, "127.0.0.1:1", "/[b]x")


@pytest.fixture
def output():
    return io.StringIO()


def shown(output, *, terminal, plain, lines):
    console = Console(file=output, force_terminal=terminal, width=120, highlight=False)
    with Screen(console, ["small", "large"], plain) as screen:
        screen.welcome(ADDRESSES)
        for line in lines:
            screen.show([line])
    return output.getvalue()


@pytest.mark.parametrize("prompt", [EASY, HARD])
def test_curl_can_be_pasted(prompt):
    words = shlex.split(curl("http://127.0.0.1:1/v1", prompt))
    assert words[:3] == ["curl", "-si", "http://127.0.0.1:1/v1/chat/completions"]
    assert json.loads(words[-1])["messages"][0]["content"] == prompt


@pytest.mark.parametrize("plain", [True, False])
def test_welcome_has_all_that_is_needed(output, plain):
    text = shown(output, terminal=not plain, plain=plain, lines=[])
    for wanted in (*("http://127.0.0.1:1/v1", "http://m", "http://a", "logs"), EASY, HARD):
        assert wanted in text
    assert curl(ADDRESSES.endpoint, HARD) in text, "wrapped, it could not be pasted"


def test_plain_output_is_one_line_per_decision_and_a_sum(output):
    text = shown(output, terminal=False, plain=True, lines=[LINE, LINE])
    decided = "05:40:37 tier=small score=0.034 reason=score status=200 ms=5 upstream=127.0.0.1:1"
    assert text.count(f"{decided} /[b]x\n") == 2
    assert text.endswith("2 requests: small 2 (100%); by score 2; 0 failed\n")
    assert "\x1b" not in text


def test_terminal_shows_a_table_of_the_last_dozen(output):
    lines = [
        Line("2026-11-21T05:40:37Z", "large", f"0.{n:03}", "score", 200, n, "u", "/p")
        for n in range(13)
    ]
    text = shown(output, terminal=True, plain=False, lines=lines)
    last = text[text.rindex("upstream") :]
    assert "0.012" in last
    assert "0.000" not in last
    assert "13 requests: large 13 (100%)" in last


def test_nothing_new_draws_nothing(output):
    with Screen(Console(file=output), ["small"], plain=True) as screen:
        screen.show([])
    assert output.getvalue() == ""

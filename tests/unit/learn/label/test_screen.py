"""Progress is a bar for a terminal and a line now and then elsewhere."""

import io
import sys

import pytest
from weighbridge.learn.label.screen import Screen


class Stream(io.StringIO):
    def __init__(self, *, terminal):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


@pytest.fixture
def stderr(monkeypatch):
    def become(*, terminal):
        stream = Stream(terminal=terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        return stream

    return become


def test_elsewhere_a_line_is_printed_every_ten_seconds_and_at_the_end(stderr):
    stream = stderr(terminal=False)
    now = 0.0
    with Screen(40, 4, lambda: "$0.5000", clock=lambda: now) as screen:
        for _ in range(24):
            now += 1
            screen.advance()
        screen.say("stopping")
    assert stream.getvalue().splitlines() == [
        "10 of 40 prompts, 0.6/s, 50 s left, $0.5000",
        "20 of 40 prompts, 0.8/s, 25 s left, $0.5000",
        "stopping",
        "24 of 40 prompts, 0.8/s, 19 s left, $0.5000",
    ]


def test_a_terminal_gets_a_bar_with_count_and_cost(stderr):
    stream = stderr(terminal=True)
    with Screen(2, 0, lambda: "$0.5000") as screen:
        screen.advance()
        screen.say("stopping")
    assert "1/2" in stream.getvalue()
    assert "$0.5000" in stream.getvalue()
    assert "stopping" in stream.getvalue()


def test_a_run_that_is_over_at_once_has_no_rate(stderr):
    stream = stderr(terminal=False)
    with Screen(1, 1, lambda: "0 tokens", clock=lambda: 0.0) as screen:
        screen.advance()
    assert stream.getvalue() == "1 of 1 prompts, 0.0/s, 0 tokens\n"

"""Progress shows on a terminal alone and changes no line."""

import io
import sys

import pytest
from weighbridge.progress import tracked

LINES = b"one\ntwo\n"


class Stream(io.StringIO):
    """Standard output or error, on a terminal or not."""

    def __init__(self, *, terminal):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


@pytest.mark.parametrize(("err", "out"), [(True, False), (False, False), (True, True)])
def test_the_lines_pass_unchanged(monkeypatch, err, out):
    monkeypatch.setattr(sys, "stderr", Stream(terminal=err))
    monkeypatch.setattr(sys, "stdout", Stream(terminal=out))

    with tracked(io.BytesIO(LINES), "scored") as lines:
        assert list(lines) == [b"one\n", b"two\n"]


@pytest.mark.parametrize(("err", "out", "shown"), [(True, False, True), (False, False, False)])
def test_a_bar_is_drawn_where_somebody_looks(monkeypatch, err, out, shown):
    monkeypatch.setenv("TERM", "xterm")
    stderr = Stream(terminal=err)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(sys, "stdout", Stream(terminal=out))

    with tracked(io.BytesIO(LINES), "scored") as lines:
        list(lines)

    assert ("scored" in stderr.getvalue()) == shown

"""Tables on a terminal of 80 characters."""

import io
import math

import pytest
from rich.console import Console
from unit.learn.report.samples import analysis
from weighbridge.learn.quality import Interval
from weighbridge.learn.report import terminal


def printed(what):
    out = io.StringIO()
    Console(file=out, width=80).print(what)
    return out.getvalue()


def test_a_table_with_a_peer_fits_80_characters():
    shown = printed(terminal.quality_table(analysis(extra={"LiteLLM heuristic_v2": _same})))

    assert "LiteLLM heuristic_v2 " in shown
    assert "…" not in shown
    assert "random" in shown


def _same(score, _rng):
    return score


@pytest.mark.parametrize(
    ("value", "sign", "shown"),
    [
        (Interval(0.612, 0.59, 0.634), "", ".612 [.590, .634]"),
        (Interval(0.031, -0.004, 0.058), "+", "+.031 [-.004, +.058]"),
        (Interval(0.5, math.nan, math.nan), "", ".500"),
    ],
)
def test_an_interval_is_short(value, sign, shown):
    assert terminal.interval(value, sign) == shown

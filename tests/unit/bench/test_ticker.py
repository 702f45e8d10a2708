"""Ticks of the kernel's timer."""

import time

import pytest
from weighbridge.bench import ticker
from weighbridge.bench.ticker import Ticker
from weighbridge.errors import LocalError


def test_ticks_that_were_missed_are_told_at_once():
    start = time.perf_counter()
    with Ticker(start + 0.001, 0.001) as ticks:
        time.sleep(0.05)
        least = (time.perf_counter() - start) * 1000 - 2

        assert least < ticks.due() < (time.perf_counter() - start) * 1000 + 2


def test_before_the_first_tick_none_is_due():
    with Ticker(time.perf_counter() + 60, 1) as ticks:
        assert ticks.due() == 0


def test_a_system_without_the_timer_is_told(monkeypatch):
    monkeypatch.setattr(ticker.ctypes, "CDLL", lambda *_, **__: object())

    with pytest.raises(LocalError, match="timerfd"):
        Ticker(0.0, 1.0)

"""A timer wheel: sequences that are due in the same millisecond form a cohort, one timer waits.

No task and no timer per request: 5,000 streams at one token a second are at most 1,000 wake-ups a
second, however many requests come and go.
"""

import asyncio
import heapq
from collections.abc import Callable, Iterable

from weighbridge_simulator.sequences import Sequence

_TICKS_PER_SECOND = 1000
"""libuv's timers are no finer."""

Step = Callable[[Iterable[Sequence], float], None]


class TimerWheel:
    """When sequences get their next tokens. Made and used on a single event loop.

    Args:
        step: called with each cohort and the time at which it was due.
        after: called after the last cohort that was due.
    """

    def __init__(self, step: Step, after: Callable[[], None]) -> None:
        self._step = step
        self._after = after
        self._loop = asyncio.get_running_loop()
        self._cohorts: dict[int, dict[Sequence, None]] = {}
        """By tick; a dict without values is a set that keeps its order."""
        self._ticks: list[int] = []
        """Heap of the keys of `_cohorts`."""
        self._timer: asyncio.Handle | None = None
        self._timer_tick = 0
        """When `_timer` fires; uvloop's handles can't always say."""

    def add(self, sequence: Sequence, due: float) -> None:
        """Let `sequence` have a token at `due`, on the loop's clock. `arm` the timer afterwards."""
        tick = round(due * _TICKS_PER_SECOND)
        sequence.tick = tick
        cohort = self._cohorts.get(tick)
        if cohort is None:
            cohort = self._cohorts[tick] = {}
            heapq.heappush(self._ticks, tick)
        cohort[sequence] = None

    def discard(self, sequence: Sequence) -> None:
        """Forget `sequence`, if it is due some time."""
        cohort = self._cohorts.get(sequence.tick)
        if cohort is not None:
            cohort.pop(sequence, None)

    def arm(self) -> None:
        """Set the timer to the next cohort's tick."""
        if not self._ticks:
            return
        tick = self._ticks[0]
        if self._timer is not None:
            if self._timer_tick <= tick:
                return
            self._timer.cancel()
        self._timer_tick = tick
        self._timer = self._loop.call_at(tick / _TICKS_PER_SECOND, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        now = self._loop.time() * _TICKS_PER_SECOND
        while self._ticks and self._ticks[0] <= now:
            tick = heapq.heappop(self._ticks)
            cohort = self._cohorts.pop(tick)
            if cohort:
                self._step(cohort, tick / _TICKS_PER_SECOND)
        self._after()
        self.arm()

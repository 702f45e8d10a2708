"""Simulated time: what is to happen, and when; what is due at the same moment, in order of asking.

Nothing is ever taken out of the queue. Who changes his mind lets the event come, and looks whether
it still concerns him.
"""

import heapq
from collections.abc import Callable
from itertools import count

Action = Callable[[], object]


class Clock:
    """The time of a simulation, in seconds from its start."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Action]] = []
        self._order = count()

    def at(self, when: float, action: Action) -> None:
        """Let `action` happen at a moment that has not passed."""
        if when < self.now:
            raise ValueError(f"expected a moment from {self.now} on, came {when}")
        heapq.heappush(self._due, (when, next(self._order), action))

    def after(self, seconds: float, action: Action) -> None:
        """Let `action` happen so many seconds from now."""
        self.at(self.now + seconds, action)

    def every(self, seconds: float, action: Action, until: float) -> None:
        """Let `action` happen again and again, up to and at `until`."""

        def again() -> None:
            action()
            if self.now + seconds <= until:
                self.after(seconds, again)

        self.after(seconds, again)

    def run(self, until: float = float("inf")) -> None:
        """Let all happen that is due up to and at `until`."""
        while self._due and self._due[0][0] <= until:
            self.now, _, action = heapq.heappop(self._due)
            action()
        if until < float("inf"):
            self.now = max(self.now, until)

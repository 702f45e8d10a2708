"""How long to go on with a server that doesn't answer: troubles in; a pause, or an end, out."""

import math
import random
import time
from collections.abc import Callable

from weighbridge.learn.label.halt import Cause, Halt, SetAsideError
from weighbridge.learn.label.pools import Pool
from weighbridge.learn.label.troubles import Kind, Trouble

ATTEMPTS = {Kind.FAULTY: 8, Kind.BROKEN: 3, Kind.TIMEOUT: 1}
"""Requests for one answer that may end so, while others of the same server succeed. Fewer where
each may have been paid for; others cost nothing and are not the prompt's doing."""
REFUSALS = 8
"""Prompts refused in a row, with none answered before, that make it the server's doing."""
_FIRST_S = 0.5
_LONGEST_S = 10.0


class Patience:
    """What is known of one server's health.

    Args:
        pool: the server.
        seconds: of troubles without an answer between them, after which it counts as dead.
        halt: stopped when it is dead.
        clock: seconds of a clock that only moves on.
        jitter: a number from 0 to 1.
    """

    def __init__(
        self,
        pool: Pool,
        seconds: float,
        halt: Halt,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._pool = pool
        self._seconds = seconds
        self._halt = halt
        self._clock = clock
        self._jitter = jitter
        self._troubled_since: float | None = None
        self._refused = 0
        self._ever_answered = False

    def answered(self) -> None:
        """Note an answer."""
        self._troubled_since = None
        self._ever_answered = True

    def pause(self, trouble: Trouble, attempt: int) -> float:
        """Say how many seconds to wait until the next attempt, after `attempt` of them.

        Raises:
            HaltedError: the server is dead, or was never set up right.
            SetAsideError: this prompt is to be left.
        """
        if trouble.kind is Kind.SETUP:
            raise self._dead(f"says {trouble.words}: check address, model and key")
        if trouble.kind is Kind.REFUSED:
            self._refuse(trouble)
        self._be_silent(trouble)
        if attempt >= ATTEMPTS.get(trouble.kind, math.inf):
            raise SetAsideError(f"{self._pool.role}: {trouble.words}")
        return self._delay(trouble, attempt)

    def _refuse(self, trouble: Trouble) -> None:
        self._refused += 1
        if not self._ever_answered and self._refused >= REFUSALS:
            raise self._dead(f"refused all of {self._refused} prompts: {trouble.words}")
        raise SetAsideError(f"{self._pool.role}: {trouble.words}")

    def _be_silent(self, trouble: Trouble) -> None:
        now = self._clock()
        if self._troubled_since is None:
            self._troubled_since = now
        silent = now - self._troubled_since
        if silent >= self._seconds:
            raise self._dead(f"has given no answer for {silent:.0f} s: {trouble.words}")

    def _delay(self, trouble: Trouble, attempt: int) -> float:
        asked = trouble.retry_after_s
        if asked is not None and asked > self._seconds:
            raise self._dead(f"asks to wait {asked:.0f} s: {trouble.words}")
        # Half fixed, half by chance: those that failed together don't come back together.
        backoff = min(_LONGEST_S, _FIRST_S * 2.0 ** min(attempt - 1, 10))
        return max(asked or 0.0, backoff * (0.5 + 0.5 * self._jitter()))

    def _dead(self, words: str) -> Exception:
        return self._halt.stop(Cause.POOL, f"{self._pool.name} {words}")

"""What goes wrong on purpose: a frozen description in, one `Fate` per request out.

The description comes from the command line and can be replaced while the simulator serves
(`PUT /debug/failures`), so that a canary test can let a healthy pool turn bad.
"""

import random
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Factor = Annotated[float, msgspec.Meta(ge=0.0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0)]


class Failures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a pool misbehaves; the defaults are a healthy one.

    Attributes:
        error_rate: fraction of inference requests answered with `error_status`.
        error_status: 500 as of an engine that fails, 503 as of one that is overloaded.
        ttft_factor: multiplies the time from admission to the first token.
        itl_factor: multiplies the time from token to token.
        stall_rate: fraction of requests that stop half way for `stall_seconds`.
        stall_seconds: length of one such stop.
        cut_rate: fraction of requests whose connection is dropped (a stream: half way).
        garbage_usage: what stands in `usage`: the truth, negative numbers, numbers beyond 64 bits'
            comfort, or nothing at all.
        crash_after_seconds: the process exits with status 1 that long after this was set.
        refuse: every connection is dropped unanswered, those to /debug/ excepted.
        slow_start_seconds: not ready for that long after start, or after this was set.
    """

    error_rate: Fraction = 0.0
    error_status: Literal[500, 503] = 500
    ttft_factor: Factor = 1.0
    itl_factor: Factor = 1.0
    stall_rate: Fraction = 0.0
    stall_seconds: Seconds = 5.0
    cut_rate: Fraction = 0.0
    garbage_usage: Literal["none", "negative", "absurd", "missing"] = "none"
    crash_after_seconds: Seconds | None = None
    refuse: bool = False
    slow_start_seconds: Seconds = 0.0


class Fate(msgspec.Struct, frozen=True):
    """What happens to one request; the defaults let it succeed."""

    error_status: int | None = None
    stalls: bool = False
    is_cut: bool = False


_SPARED = Fate()


class FailurePlan:
    """The failures in force, and the dice that say whom they hit.

    Args:
        failures: those in force at first.
        seed: same seed and same order of requests, same victims.
    """

    def __init__(self, failures: Failures, seed: int) -> None:
        self.current = failures
        self._random = random.Random(seed)  # noqa: S311  # dice, not secrets
        self._watchers: list[Callable[[Failures], None]] = []

    def watch(self, watcher: Callable[[Failures], None]) -> None:
        """Call `watcher` with the failures in force, now and whenever they are replaced."""
        self._watchers.append(watcher)
        watcher(self.current)

    def replace(self, failures: Failures) -> None:
        """Put other failures in force, for requests that come from now on."""
        self.current = failures
        for watcher in self._watchers:
            watcher(failures)

    def draw(self) -> Fate:
        """Throw the dice for one request."""
        current = self.current
        if not (current.error_rate or current.stall_rate or current.cut_rate):
            return _SPARED
        throw = self._random.random
        return Fate(
            error_status=current.error_status if throw() < current.error_rate else None,
            stalls=throw() < current.stall_rate,
            is_cut=throw() < current.cut_rate,
        )

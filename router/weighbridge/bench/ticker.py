"""Even ticks from the kernel: a timerfd that the event loop reads.

uvloop's timers are a millisecond coarse, more than the whole latency that is being measured, and a
loop that spins until the moment comes would take the core away from what is measured.
"""

import ctypes
import os
from types import TracebackType
from typing import Self

from weighbridge.errors import LocalError

_MONOTONIC = 1
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE = 1
_NANO = 1_000_000_000


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanos", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("first", _TimeSpec))


class Ticker:
    """Ticks at `start`, `start + interval`, ... on the clock of `time.perf_counter`.

    Args:
        start: seconds on that clock of the first tick.
        interval: seconds between ticks, above 0.

    Raises:
        LocalError: where there is no timerfd (it is Linux's).
    """

    def __init__(self, start: float, interval: float) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            self.fd: int = libc.timerfd_create(_MONOTONIC, _NONBLOCK_CLOEXEC)
            spec = _TimerSpec(_time_spec(interval), _time_spec(start))
            failed = libc.timerfd_settime(self.fd, _ABSOLUTE, ctypes.byref(spec), None)
        except AttributeError as error:
            raise LocalError("a fixed rate needs Linux's timerfd; leave --rate away") from error
        if failed:
            raise LocalError(f"the kernel's timer: {os.strerror(ctypes.get_errno())}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.fd)

    def due(self) -> int:
        """Ticks since the last call."""
        try:
            return int.from_bytes(os.read(self.fd, 8), "little")
        except BlockingIOError:
            return 0


def _time_spec(seconds: float) -> _TimeSpec:
    whole, nanos = divmod(round(seconds * _NANO), _NANO)
    return _TimeSpec(whole, nanos)

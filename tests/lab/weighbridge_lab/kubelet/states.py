"""What a container is at a moment, and how long it rests before it is started again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

_MOST_DOUBLINGS: Final = 30


@dataclass(frozen=True)
class Waiting:
    """Not running, for now."""

    reason: str = "ContainerCreating"
    message: str = ""


@dataclass(frozen=True)
class Running:
    """Running."""

    since: datetime


@dataclass(frozen=True)
class Terminated:
    """Ended."""

    code: int
    since: datetime
    until: datetime
    message: str = ""

    @property
    def reason(self) -> str:
        """What the exit code says."""
        return "Error" if self.code else "Completed"


Phase = Waiting | Running | Terminated


@dataclass(frozen=True, kw_only=True)
class State:
    """What a container is at a moment.

    Attributes:
        now: what it is doing.
        before: how it ended the last time.
        restarts: how often it was started again.
        started: its startup probe and postStart are through.
        ready: it may get traffic.
    """

    now: Phase = Waiting()
    before: Terminated | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False


@dataclass(frozen=True)
class BackOff:
    """Pauses between restarts: none before the first, then doubling.

    Attributes:
        base_s: the second restart's.
        most_s: the longest.
    """

    base_s: float = 1.0
    most_s: float = 30.0

    def pause(self, failures: int) -> float:
        """Seconds from the end to the next start, after so many ends in a row."""
        if failures < 2:
            return 0.0
        return min(self.most_s, self.base_s * 2.0 ** min(failures - 2, _MOST_DOUBLINGS))

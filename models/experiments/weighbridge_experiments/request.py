"""One request on its way: what was asked for, when what happened to it, and how it ended."""

from dataclasses import dataclass
from enum import StrEnum


class End(StrEnum):
    """How a request can end; each ends once."""

    ANSWERED = "answered"
    CUT = "cut"
    """Its pod went away in the middle."""
    REFUSED = "refused"
    """There was no pod that could take it."""


@dataclass(slots=True, eq=False)
class Request:
    """One prompt and its answer.

    Attributes:
        prompt: tokens of it.
        answer: tokens of the answer, at least 1.
        tier: name of the pool that it is for.
        arrived_at: seconds; this and the next ones are the clock's.
        admitted_at: when it first left the queue.
        first_token_at: when its first token came.
        ended_at: when it ended.
        end: how; None while it is on its way.
        produced: tokens that it has got, as of its pod's last look.
        preemptions: how often it lost its place.
        epoch: counts its stays on a pod, so that an event of an earlier stay is known as such.
        due: on its pod's count of tokens, when it has all of them.
    """

    prompt: int
    answer: float
    tier: str = ""
    arrived_at: float = 0.0
    admitted_at: float | None = None
    first_token_at: float | None = None
    ended_at: float | None = None
    end: End | None = None
    produced: float = 0.0
    preemptions: int = 0
    epoch: int = 0
    due: float = 0.0

    @property
    def ttft(self) -> float:
        """Seconds from arrival to the first token; nan if none came."""
        if self.first_token_at is None:
            return float("nan")
        return self.first_token_at - self.arrived_at

    @property
    def itl(self) -> float:
        """Mean seconds from token to token after the first; nan if there was but one."""
        if self.first_token_at is None or self.ended_at is None or self.answer <= 1:
            return float("nan")
        return (self.ended_at - self.first_token_at) / (self.answer - 1)

    def finish(self, end: End, now: float) -> None:
        """Say how it ended."""
        if self.end is not None:
            raise RuntimeError(f"expected a request to end once; {self.end}, and now {end}")
        self.end = end
        self.ended_at = now

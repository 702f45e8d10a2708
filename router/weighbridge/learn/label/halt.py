"""Why a run stops before its end: set once, seen by all that would spend more.

What is in flight is waited for, since it is paid for; what would be new is not begun.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum


class Cause(StrEnum):
    """What stopped a run."""

    DONE = "done"
    POOL = "pool"
    BUDGET = "budget"
    INTERRUPT = "interrupt"
    JOURNAL = "journal"
    CHANGED = "changed"


class HaltedError(Exception):
    """Nothing new may be asked any more."""


class SetAsideError(Exception):
    """This prompt gets no label in this run; the text says why."""


class Halt:
    """The stop sign. The first cause stands; later ones follow from it."""

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.words = ""
        self._raised = asyncio.Event()

    def stop(self, cause: Cause, words: str) -> HaltedError:
        """Stop the run; returns what the caller may raise."""
        if self.cause is None:
            self.cause = cause
            self.words = words
            self._raised.set()
        return HaltedError(self.words)

    def check(self) -> None:
        """Say whether more may be asked.

        Raises:
            HaltedError: it may not.
        """
        if self.cause is not None:
            raise HaltedError(self.words)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until the run stops.

        Raises:
            HaltedError: it stopped.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._raised.wait(), seconds)
        self.check()

"""Startup, readiness and liveness: when they ask, and after how many answers they judge.

`Tally` is the counting and knows no time; `follow` is the asking and knows no meaning. A container
counts as started, ready or alive by what its runner makes of the verdicts.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from lightkube.models.core_v1 import Probe

_DEFAULT_PERIOD_S = 10
_DEFAULT_FAILURES = 3
_DEFAULT_SUCCESSES = 1


class Tally:
    """Counts answers in a row; a verdict takes as many as the probe's threshold says.

    Args:
        successes: in a row, for a good verdict.
        failures: in a row, for a bad one.
    """

    def __init__(self, successes: int, failures: int) -> None:
        self._needed = {True: successes, False: failures}
        self._last: bool | None = None
        self._row = 0

    @classmethod
    def of(cls, probe: Probe) -> "Tally":
        """Make one with a probe's thresholds."""
        return cls(
            probe.successThreshold or _DEFAULT_SUCCESSES,
            probe.failureThreshold or _DEFAULT_FAILURES,
        )

    def count(self, good: bool) -> bool | None:
        """Take an answer; give the verdict once it stands, None before."""
        self._row = self._row + 1 if good == self._last else 1
        self._last = good
        return good if self._row >= self._needed[good] else None


Ask = Callable[[Probe], Awaitable[str | None]]
OnVerdict = Callable[[bool, str], None]


async def follow(probe: Probe, ask: Ask, on_verdict: OnVerdict) -> NoReturn:
    """Ask for ever, telling every verdict with the last complaint."""
    tally = Tally.of(probe)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(probe.initialDelaySeconds or 0)
    while True:
        asked = loop.time()
        complaint = await ask(probe)
        verdict = tally.count(complaint is None)
        if verdict is not None:
            on_verdict(verdict, complaint or "")
        # Periods count from question to question; a slow answer makes the next one late.
        period = probe.periodSeconds or _DEFAULT_PERIOD_S
        await asyncio.sleep(max(0.0, asked + period - loop.time()))


async def first_verdict(probe: Probe, ask: Ask) -> tuple[bool, str]:
    """Ask until there is a verdict; give it with the last complaint."""
    return await _first(probe, ask, wanted=(True, False))


async def first_failure(probe: Probe, ask: Ask) -> str:
    """Ask until the verdict is bad; give the last complaint."""
    _, complaint = await _first(probe, ask, wanted=(False,))
    return complaint


async def _first(probe: Probe, ask: Ask, wanted: tuple[bool, ...]) -> tuple[bool, str]:
    found: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()

    def settle(good: bool, complaint: str) -> None:
        if good in wanted and not found.done():
            found.set_result((good, complaint))

    asking = asyncio.create_task(follow(probe, ask, settle))
    try:
        # Asking ends only by an error.
        await asyncio.wait((found, asking), return_when=asyncio.FIRST_COMPLETED)
        return found.result() if found.done() else asking.result()
    finally:
        asking.cancel()

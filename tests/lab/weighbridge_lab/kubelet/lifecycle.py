"""How a container is ended, and the hooks at its beginning and its end.

The end has a fixed order: preStop, then the container's turn (sidecars wait for the main ones),
then SIGTERM, then SIGKILL. The grace period is one for all of it and starts when the end is asked
for; it can be shortened while it runs, which is what a second `kubectl delete` does.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from lightkube.models.core_v1 import LifecycleHandler

from weighbridge_lab.kubelet.checks import Checks
from weighbridge_lab.kubelet.container import ContainerProcess

# What SIGTERM gets at least, however short the grace period is or how much of it preStop has eaten.
_LEAST_S = 2.0

Wait = Callable[[], Awaitable[Any]]
"""Begins something and waits for its end."""


class Grace:
    """Time that runs out, and sooner if so told.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds
        self._over = asyncio.Event()
        self._timer = self._loop.call_at(self._end, self._over.set)

    def shorten(self, seconds: float) -> None:
        """Let it end `seconds` from now, unless it ends sooner anyway."""
        self._end = min(self._end, self._loop.time() + seconds)
        self._timer.cancel()
        self._timer = self._loop.call_at(self._end, self._over.set)

    @property
    def is_over(self) -> bool:
        """Whether it ran out."""
        return self._over.is_set() or self._loop.time() >= self._end

    async def over(self) -> None:
        """Wait until it runs out."""
        if not self.is_over:
            await self._over.wait()


async def run_hook(handler: LifecycleHandler | None, checks: Checks) -> str | None:
    """Run a hook to its end; None: all went well, or there is none; otherwise what did not."""
    if handler is None:
        return None
    if handler.sleep:
        await asyncio.sleep(handler.sleep.seconds)
        return None
    try:
        if handler.httpGet:
            return await checks.http(handler.httpGet)
        if handler.exec:
            return await checks.execute(handler.exec)
    except LookupError as error:
        return str(error)
    return f"this kubelet knows no such hook: {handler.to_dict()}"


async def end(process: ContainerProcess, hook: Wait, grace: Grace, turn: Wait | None = None) -> int:
    """End a container; give its exit code.

    Args:
        process: the container.
        hook: its preStop.
        grace: what it has in all.
        turn: returns when SIGTERM may be sent; None: at once.
    """
    ended = asyncio.ensure_future(process.ended())
    if not grace.is_over:
        await _first(hook(), ended, grace.over())
    if turn is not None:
        await _first(turn(), ended, grace.over())
    if grace.is_over:
        grace = Grace(_LEAST_S)
    if not ended.done():
        process.signal(signal.SIGTERM)
        await _first(ended, grace.over())
    if not ended.done():
        process.signal(signal.SIGKILL)
    return await ended


async def _first(*waits: Awaitable[Any]) -> None:
    """Wait for the first; the tasks that were given stay, what was wrapped here is cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task, wait in zip(tasks, waits, strict=True):
        if task is not wait:
            await _cancel(task)


async def _cancel(task: "asyncio.Future[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

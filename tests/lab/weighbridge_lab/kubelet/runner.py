"""One container's life: started, probed, ended, started again, until its restart policy says stop.

A runner owns the container's process and its state; whoever wants to know looks at `state` after
each call of `on_change`. It is told from outside only to end.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from lightkube.models.core_v1 import Container, Probe

from weighbridge_lab.kubelet.checks import Checks
from weighbridge_lab.kubelet.container import ContainerProcess
from weighbridge_lab.kubelet.errors import KubeletError
from weighbridge_lab.kubelet.lifecycle import Grace, Wait, end, run_hook
from weighbridge_lab.kubelet.probes import first_failure, first_verdict, follow
from weighbridge_lab.kubelet.states import BackOff, Phase, Running, State, Terminated, Waiting

_log = logging.getLogger(__name__)
_RETRY_S = 1.0
_FORGET_AFTER = 2  # times the longest pause: a run that long clears the record, as in a real one


class Starter(Protocol):
    """What makes a process of a container."""

    async def __call__(self, container: Container) -> ContainerProcess:
        """Start it.

        Raises:
            KubeletError: with the reason why not.
        """
        ...


class Runner:
    """Runs one container.

    Args:
        container: its spec.
        title: its name for people.
        policy: Always, OnFailure or Never.
        address: its pod's.
        start: makes its process.
        on_change: called after each change of its state.
        back_off: pauses between restarts.
        grace_s: for an end that a probe asks for.
        restarts: of an earlier kubelet's time.
    """

    def __init__(
        self,
        container: Container,
        *,
        title: str,
        policy: str,
        address: str,
        start: Starter,
        on_change: Callable[[], None],
        back_off: BackOff,
        grace_s: float,
        restarts: int = 0,
    ) -> None:
        self.container = container
        self.state = State(restarts=restarts)
        self._title = title
        self._policy = policy
        self._address = address
        self._start = start
        self._on_change = on_change
        self._back_off = back_off
        self._grace_s = grace_s
        self._process: ContainerProcess | None = None
        self._running = asyncio.Event()
        self._stopping = asyncio.Event()
        self._started = asyncio.Event()
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Run it until it ends for good."""
        try:
            await self._run()
        finally:
            self._finished.set()

    async def until_started(self) -> None:
        """Wait until it has started, or ended for good."""
        await _either(self._started.wait(), self._finished.wait())

    async def until_finished(self) -> None:
        """Wait until it has ended for good."""
        await self._finished.wait()

    @property
    def is_finished(self) -> bool:
        """Whether it has ended for good."""
        return self._finished.is_set()

    async def stop(self, grace: Grace, turn: Wait | None = None) -> None:
        """End it for good; see `lifecycle.end`."""
        self._stopping.set()
        # It may be about to start: then it is ended as soon as it has.
        await _either(self._running.wait(), self._finished.wait())
        if self._process is not None:
            await self._end(self._process, grace, turn)
        await self._finished.wait()

    async def _run(self) -> None:
        failures = 0
        while (process := await self._begin()) is not None:
            began = time.monotonic()
            ended = await self._attend(process)
            ran_s = time.monotonic() - began
            failures = 1 if ran_s > _FORGET_AFTER * self._back_off.most_s else failures + 1
            if self._is_final(ended):
                return
            await self._pause(ended, self._back_off.pause(failures))
            if self._stopping.is_set():
                return
            self._set(restarts=self.state.restarts + 1)

    async def _begin(self) -> ContainerProcess | None:
        """Start a process, however often that takes; None: it is to end."""
        while not self._stopping.is_set():
            try:
                return await self._start(self.container)
            except KubeletError as error:
                reason = _worse(self.state.now, error.reason)
                self._set(now=Waiting(reason, str(error)))
                await _wait(self._stopping, _RETRY_S)
        return None

    async def _attend(self, process: ContainerProcess) -> Terminated:
        """Stay with a process until it ends."""
        since = datetime.now(UTC)
        self._process = process
        self._running.set()
        self._set(now=Running(since))
        tending = asyncio.create_task(self._tend(process))
        try:
            code = await process.ended()
        except asyncio.CancelledError:
            # Nobody looks after it any more.
            process.signal(signal.SIGKILL)
            raise
        finally:
            await _cancel(tending)
            self._process = None
            self._running.clear()
        ended = Terminated(code, since, datetime.now(UTC))
        self._set(now=ended, started=False, ready=False)
        return ended

    async def _tend(self, process: ContainerProcess) -> None:
        """Run the hook, then the probes, and act on what they say."""
        checks = self._ask(process)
        lifecycle = self.container.lifecycle
        complaint = await run_hook(lifecycle.postStart if lifecycle else None, checks)
        if complaint is not None:
            _log.warning("%s is ended, its postStart failed: %s", self._title, complaint)
            await self._end(process, Grace(self._grace_s))
            return
        if probe := self.container.startupProbe:
            good, complaint = await first_verdict(probe, checks.probe)
            if not good:
                await self._give_up(process, probe, complaint)
                return
        self._set(started=True, ready=self.container.readinessProbe is None)
        self._started.set()
        await asyncio.gather(self._watch_readiness(checks), self._watch_liveness(process, checks))

    async def _watch_readiness(self, checks: Checks) -> None:
        def take(good: bool, complaint: str) -> None:
            if good != self.state.ready:
                said = "ready" if good else f"not ready: {complaint}"
                _log.info("%s is %s", self._title, said)
                self._set(ready=good)

        if probe := self.container.readinessProbe:
            await follow(probe, checks.probe, take)

    async def _watch_liveness(self, process: ContainerProcess, checks: Checks) -> None:
        if probe := self.container.livenessProbe:
            complaint = await first_failure(probe, checks.probe)
            await self._give_up(process, probe, complaint)

    async def _give_up(self, process: ContainerProcess, probe: Probe, complaint: str) -> None:
        """End what a probe has found dead; the restart policy says what follows."""
        if self._stopping.is_set():
            return
        _log.warning("%s is ended, its probe failed: %s", self._title, complaint)
        grace_s = probe.terminationGracePeriodSeconds
        await self._end(process, Grace(self._grace_s if grace_s is None else grace_s))

    async def _end(self, process: ContainerProcess, grace: Grace, turn: Wait | None = None) -> None:
        lifecycle = self.container.lifecycle
        handler = lifecycle.preStop if lifecycle else None
        hook = partial(run_hook, handler, self._ask(process))
        await end(process, hook, grace, turn)

    def _ask(self, process: ContainerProcess) -> Checks:
        return Checks(self.container, self._address, process)

    def _is_final(self, ended: Terminated) -> bool:
        if self._stopping.is_set() or self._policy == "Never":
            return True
        return self._policy == "OnFailure" and ended.code == 0

    async def _pause(self, ended: Terminated, seconds: float) -> None:
        self._set(before=ended)
        if seconds:
            message = f"back-off {seconds:g}s restarting failed container {self.container.name}"
            self._set(now=Waiting("CrashLoopBackOff", message))
            await _wait(self._stopping, seconds)
        if not self._stopping.is_set():
            self._set(now=Waiting())

    def _set(self, **changes: Any) -> None:
        changed = replace(self.state, **changes)
        if changed != self.state:
            self.state = changed
            self._on_change()


def _worse(now: Phase, reason: str) -> str:
    # A real kubelet alternates between the two; the second time on it is backing off.
    if reason == "ErrImagePull" and isinstance(now, Waiting) and "Image" in now.reason:
        return "ImagePullBackOff"
    return reason


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _either(*waits: Awaitable[Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

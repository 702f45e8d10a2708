"""Start children in order, keep them, stop them in reverse order; none outlives the supervisor.

Three nets, one under the other: `stop` on every way out of the ``async with``; the leash, by which
the kernel kills a child whose parent is gone; the guardian, which kills the groups of those.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from weighbridge.errors import LocalError
from weighbridge.local.child import Child, ChildSpec, OnExit

_GUARDIAN = Path(__file__).with_name("guardian.py")
_FIRST_BACKOFF_S = 0.2
_MOST_BACKOFF_S = 5.0
_STEADY_S = 10.0
"""A child that ran this long has recovered: its next restart is prompt again."""


class Supervisor:
    """Children of one run.

    Args:
        run_dir: folder of their logs; made if missing.
        report: called with a sentence for people on every crash and restart.
        changed: called after a restart, when process ids have changed.
    """

    def __init__(
        self,
        run_dir: Path,
        report: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._run_dir = run_dir
        self._report = report
        self._changed = changed
        self._children: dict[str, Child] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._guardian: asyncio.subprocess.Process | None = None
        self._ended = asyncio.Event()
        self._hurry = asyncio.Event()
        self._status = 0

    async def __aenter__(self) -> Self:
        self._run_dir.mkdir(parents=True, exist_ok=True)
        self._guardian = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_GUARDIAN)),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop_all()

    async def start(self, spec: ChildSpec) -> None:
        """Start a child and wait until it is ready.

        Raises:
            LocalError: where it does not get ready.
        """
        child = await self._spawn(spec)
        await child.until_ready()
        self._watchers[spec.name] = asyncio.create_task(self._watch(child))

    def pids(self) -> dict[str, int]:
        """Process id by name, of the children as they are now."""
        return {name: child.pid for name, child in self._children.items()}

    def request_stop(self) -> None:
        """Make `until_ended` return; asked a second time, stopping waits for nobody."""
        if self._ended.is_set():
            self._hurry.set()
        self._ended.set()

    async def until_ended(self) -> int:
        """Wait for `request_stop` or a child without which the rest is useless.

        Returns:
            Exit status for the command: 0 where it was asked to stop.
        """
        await self._ended.wait()
        return self._status

    async def _spawn(self, spec: ChildSpec) -> Child:
        child = await Child.start(spec, self._run_dir / f"{spec.name}.log")
        self._children[spec.name] = child
        self._tell_guardian(f"+{child.pid}")
        return child

    async def _watch(self, child: Child) -> None:
        backoff = _FIRST_BACKOFF_S
        while True:
            started = time.monotonic()
            await child.wait()
            child.sweep()
            self._tell_guardian(f"-{child.pid}")
            spec = child.spec
            if spec.on_exit is not OnExit.RESTART:
                self._give_up(child)
                return
            if time.monotonic() - started > _STEADY_S:
                backoff = _FIRST_BACKOFF_S
            self._report(f"{spec.name} {child.ending()}; it is started again in {backoff:g} s")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _MOST_BACKOFF_S)
            child = await self._restart(spec)

    async def _restart(self, spec: ChildSpec) -> Child:
        child = await self._spawn(spec)
        self._changed()
        try:
            await child.until_ready()
        except LocalError as error:
            self._report(str(error))
            await child.stop(0)
        else:
            self._report(f"{spec.name} is ready again")
        return child

    def _give_up(self, child: Child) -> None:
        if child.spec.on_exit is OnExit.STOP_ALL:
            self._status = 1
            self._report(
                f"{child.spec.name} {child.ending()}; nothing works without it{child.tail()}"
            )
            self._ended.set()
        else:
            self._report(f"{child.spec.name} {child.ending()}; the rest goes on{child.tail()}")

    async def _stop_all(self) -> None:
        for watcher in self._watchers.values():
            watcher.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        for child in reversed(self._children.values()):
            await self._stop(child)
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            await self._guardian.wait()

    async def _stop(self, child: Child) -> None:
        stopping = asyncio.create_task(child.stop(child.spec.stop_timeout_s))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({stopping, hurry}, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not stopping.done():
            await child.stop(0)
        await stopping
        self._tell_guardian(f"-{child.pid}")

    def _tell_guardian(self, line: str) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.write(f"{line}\n".encode())

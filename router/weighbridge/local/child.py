"""One child process: leashed, in a process group of its own, its output in a file."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from weighbridge.errors import LocalError
from weighbridge.local.probes import Probe

_LEASH = Path(__file__).with_name("leash.py")
_POLL_SECONDS = 0.05
_TAIL_LINES = 12


class OnExit(StrEnum):
    """What follows when a child ends that nobody stopped."""

    RESTART = "restart"
    REPORT = "report"
    STOP_ALL = "stop-all"


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """What to run.

    Attributes:
        name: for people, and of the log file.
        argv: the command; its first word is a path or looked up.
        ready: says when the child is ready.
        env: variables beside the parent's.
        on_exit: what follows when it ends by itself.
        ready_timeout_s: seconds from its start until it must be ready.
        stop_timeout_s: seconds from SIGTERM to SIGKILL.
    """

    name: str
    argv: tuple[str, ...]
    ready: Probe
    env: Mapping[str, str] = field(default_factory=dict)
    on_exit: OnExit = OnExit.REPORT
    ready_timeout_s: float = 30.0
    stop_timeout_s: float = 5.0


class Child:
    """A running child.

    Attributes:
        pid: of the command itself, and of its process group.
        log: file that has its output, appended to.
    """

    def __init__(self, spec: ChildSpec, process: Process, log: Path) -> None:
        self.spec = spec
        self.log = log
        self.pid = process.pid
        self._process = process

    @classmethod
    async def start(cls, spec: ChildSpec, log: Path) -> "Child":
        """Start it. The event loop's thread must be the main one: the leash is tied to it.

        Raises:
            LocalError: where the operating system refuses.
        """
        leash = (sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()))
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *(*leash, *spec.argv),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **spec.env},
                    # Ctrl-C in the terminal is for the supervisor, which stops them in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise LocalError(f"{spec.name} can't be started: {error}") from error
        return cls(spec, process, log)

    async def wait(self) -> int:
        """Wait for its end; give its exit status, negative for a signal."""
        return await self._process.wait()

    async def until_ready(self) -> None:
        """Wait until its probe says yes.

        Raises:
            LocalError: where it ends first or takes too long; with the end of its log.
        """
        deadline = asyncio.get_running_loop().time() + self.spec.ready_timeout_s
        while not await self.spec.ready():
            if self._process.returncode is not None:
                raise LocalError(
                    f"{self.spec.name} {self.ending()} before it was ready{self.tail()}"
                )
            if asyncio.get_running_loop().time() > deadline:
                seconds = f"{self.spec.ready_timeout_s:g} s"
                raise LocalError(f"{self.spec.name} was not ready within {seconds}{self.tail()}")
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self, timeout_s: float) -> None:
        """SIGTERM, and SIGKILL to its whole group once it has ended or `timeout_s` are over."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), timeout_s)
        self.sweep()
        await self._process.wait()

    def sweep(self) -> None:
        """Kill what is left of its group: real vLLM has children that outlive a crash."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def ending(self) -> str:
        """How it ended, as in "was killed by SIGKILL"."""
        status = self._process.returncode
        if status is None:
            return "runs"
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def tail(self) -> str:
        """The last lines of its log, as the rest of a message."""
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        listed = "".join(f"\n  {line}" for line in lines)
        return f"; its log, {self.log}, ends with:{listed}" if lines else f"; {self.log} is empty"

"""A container's process: a programme under bubblewrap in its pod's network.

bubblewrap gives it mounts, process ids, users, a host name of its own and no capability; it is
process 1 there, so a signal that it does not handle does not end it, as in any container. Signals
go to it and not to bubblewrap, which would not pass them on.
"""

import asyncio
import json
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from weighbridge_lab.kubelet.errors import StartError
from weighbridge_lab.kubelet.filesystem import FileSystem
from weighbridge_lab.kubelet.sandbox import Sandbox

_SET_UP_TIMEOUT_S = 10.0
_POLL_S = 0.005
_OUTPUT_BYTES = 10 * 1024
_COMPLAINT = "bwrap: "
_CHUNK = 65_536


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What to start.

    Attributes:
        command: its words.
        env: all its variables.
        user: numeric id.
        group: numeric id.
        hostname: the pod's.
        view: its file system.
        log: file that its output is added to.
    """

    command: Sequence[str]
    env: Mapping[str, str]
    user: int
    group: int
    hostname: str
    view: FileSystem
    log: Path


@dataclass(frozen=True)
class Ran:
    """What a command in a container came to.

    Attributes:
        code: its exit code.
        output: the beginning of what it wrote.
    """

    code: int
    output: str


class ContainerProcess(Protocol):
    """A container that was started, as its runner sees it."""

    @property
    def pid(self) -> int:
        """Its first process, as this machine counts."""
        ...

    async def ended(self) -> int:
        """Wait for its end; give its exit code, 128 and the signal's number for a signal."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens where it has ended."""
        ...

    async def execute(self, command: Sequence[str]) -> Ran:
        """Run a command in the same namespaces, with the same variables; cancelling ends it."""
        ...


def bubblewrap(launch: Launch, sandbox: Sandbox, status: int) -> list[str]:
    """Give the command line.

    Args:
        launch: what to start.
        sandbox: its pod's.
        status: descriptor to which bubblewrap tells the process id.
    """
    walls = ["user", "pid", "ipc", "uts", "cgroup-try"]
    return [
        # Absolute, because the search path here is already the container's.
        shutil.which("nsenter") or "nsenter",
        f"--net={sandbox.network}",
        "--",
        shutil.which("bwrap") or "bwrap",
        *(f"--unshare-{wall}" for wall in walls),
        *("--uid", str(launch.user), "--gid", str(launch.group)),
        *("--hostname", launch.hostname),
        *("--cap-drop", "ALL"),
        "--as-pid-1",
        "--die-with-parent",
        "--new-session",
        *("--json-status-fd", str(status)),
        *launch.view.options(),
        "--",
        *launch.command,
    ]


class Bubble:
    """A container's process under bubblewrap."""

    def __init__(self, launch: Launch, wrapper: Process, status: "_StatusPipe") -> None:
        self._launch = launch
        self._wrapper = wrapper
        self._status = status
        self._logging = asyncio.create_task(_copy(wrapper, launch.log))
        self._pid = 0

    @classmethod
    async def start(cls, launch: Launch, sandbox: Sandbox) -> "Bubble":
        """Start it; its programme runs when this returns.

        Raises:
            StartError: with what bubblewrap wrote, when the sandbox can't be built.
        """
        status = _StatusPipe()
        try:
            wrapper = await asyncio.create_subprocess_exec(
                *bubblewrap(launch, sandbox, status.writing),
                stdin=DEVNULL,
                # A pipe, as everywhere: `> /proc/1/fd/1` would empty a file.
                stdout=PIPE,
                stderr=STDOUT,
                env=dict(launch.env),
                pass_fds=(status.writing,),
            )
        except OSError as error:
            status.close()
            raise StartError(f"couldn't run nsenter and bubblewrap: {error}") from error
        offset = launch.log.stat().st_size if launch.log.exists() else 0
        bubble = cls(launch, wrapper, status)
        try:
            await bubble._begin(offset)
        except BaseException:
            await _kill(wrapper)
            await bubble.ended()
            raise
        return bubble

    async def _begin(self, offset: int) -> None:
        """Wait until bubblewrap's child has become the programme: then its mounts stand.

        Raises:
            StartError: when there is no programme; with what the log has since `offset`.
        """
        pid = await _until_executed(self._status)
        if pid is not None and _programme(pid) is not None:
            self._pid = pid
            return
        if pid is None:
            await _kill(self._wrapper)
        # It was either too quick to be seen, or never began.
        await self.ended()
        said = self._launch.log.read_bytes()[offset:].decode(errors="replace").strip()
        if pid is None or said.startswith(_COMPLAINT):
            programme = self._launch.command[0]
            raise StartError(f"the sandbox of {programme} failed: {said or 'not a word why'}")
        self._pid = pid

    @property
    def pid(self) -> int:
        """Its first process."""
        return self._pid

    async def ended(self) -> int:
        """Wait for its end."""
        code = await self._wrapper.wait()
        # All that it wrote is in its log by now, or a moment later.
        await asyncio.wait([self._logging])
        self._status.close()
        return code if code >= 0 else 128 - code

    def signal(self, number: signal.Signals) -> None:
        """Send its first process a signal."""
        # While the wrapper is not reaped, the kernel can't have given the number to another.
        if self._wrapper.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    async def execute(self, command: Sequence[str]) -> Ran:
        """Run a command in the container.

        Raises:
            StartError: when the container has ended.
        """
        walls = ("--user", "--mount", "--pid", "--net", "--ipc", "--uts", "--preserve-credentials")
        where = (f"--target={self._pid}", *walls, f"--wdns={self._launch.view.folder or '/'}")
        if self._wrapper.returncode is not None:
            raise StartError("the container has ended")
        process = await asyncio.create_subprocess_exec(
            shutil.which("nsenter") or "nsenter",
            *where,
            "--",
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=dict(self._launch.env),
            start_new_session=True,
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            # nsenter forks, so the command is in its session and not it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        return Ran(process.returncode or 0, output[:_OUTPUT_BYTES].decode(errors="replace"))


class _StatusPipe:
    """What bubblewrap says of its child.

    Open until the end: bubblewrap writes the exit code to it, and would die of a closed pipe.
    """

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_inheritable(self.writing, True)
        self._open = {self._reading, self.writing}

    async def child(self) -> int | None:
        """Give the process id of the child; None where there is none."""
        self._close(self.writing)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        pipe = os.fdopen(os.dup(self._reading), "rb")
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            line = await reader.readline()
        finally:
            transport.close()
        return int(json.loads(line)["child-pid"]) if line else None

    def close(self) -> None:
        """Close what is still open."""
        for descriptor in tuple(self._open):
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        self._open.discard(descriptor)
        os.close(descriptor)


async def _until_executed(status: _StatusPipe) -> int | None:
    """Give the process id of bubblewrap's child once it is the programme, or has ended."""
    wrapper = os.path.realpath(shutil.which("bwrap") or "bwrap")  # noqa: ASYNC240 - no disk
    try:
        async with asyncio.timeout(_SET_UP_TIMEOUT_S):
            child = await status.child()
            while child is not None and _programme(child) == wrapper:  # noqa: ASYNC110 - no event
                await asyncio.sleep(_POLL_S)
            return child
    except TimeoutError:
        return None


async def _copy(wrapper: Process, log: Path) -> None:
    """Add all that a container writes to its log, until nobody can write any more."""
    assert wrapper.stdout is not None
    with log.open("ab", buffering=0) as file:
        while chunk := await wrapper.stdout.read(_CHUNK):
            file.write(chunk)


def _programme(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - a name, not a file
    except OSError:
        return None


async def _kill(process: Process) -> None:
    # Not process.kill(), which reaps what has ended and leaves asyncio without its exit code.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()

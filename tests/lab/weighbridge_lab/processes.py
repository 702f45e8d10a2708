"""Processes of a lab's supervisor: started with a log each, waited for, stopped."""

import asyncio
import signal
import ssl
import time
import urllib.request
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge_lab.errors import LabError

_POLL_S = 0.05
_TAIL_LINES = 15


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What to run.

    Attributes:
        name: for people, and of the log file.
        argv: the command.
        ready_url: answers 200 once it is ready; None: ready at once.
        env: variables beside the parent's.
        ready_timeout_s: from its start.
        stop_timeout_s: from SIGTERM to SIGKILL.
    """

    name: str
    argv: Sequence[str]
    ready_url: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    ready_timeout_s: float = 60.0
    stop_timeout_s: float = 5.0


class Running:
    """A process of ours."""

    def __init__(self, spec: Spec, process: Process, log: Path) -> None:
        self.spec = spec
        self.log = log
        self._process = process

    @classmethod
    async def start(cls, spec: Spec, logs: Path, env: Mapping[str, str]) -> "Running":
        """Start it, its output appended to its log."""
        log = logs / f"{spec.name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *spec.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**env, **spec.env},
                start_new_session=True,
            )
        return cls(spec, process, log)

    async def until_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            LabError: with the end of its log, when it ends or takes too long.
        """
        deadline = time.monotonic() + self.spec.ready_timeout_s
        while self.spec.ready_url and not await asyncio.to_thread(_answers, self.spec.ready_url):
            if self._process.returncode is not None:
                raise LabError(f"{self.spec.name} ended with {self._process.returncode}{self._end}")
            if time.monotonic() > deadline:
                waited = f"{self.spec.ready_timeout_s:.0f} s"
                raise LabError(f"{self.spec.name} was not ready after {waited}{self._end}")
            await asyncio.sleep(_POLL_S)

    async def until_ended(self) -> LabError:
        """Wait until it ends by itself, which none of ours should; say so."""
        code = await self._process.wait()
        return LabError(f"{self.spec.name} ended with {code}{self._end}")

    async def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), self.spec.stop_timeout_s)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    @property
    def _end(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return f"; the end of {self.log}:\n" + "\n".join(lines)


def _answers(url: str) -> bool:
    # Whose certificate it is doesn't matter: only we listen here.
    context = ssl._create_unverified_context() if url.startswith("https:") else None  # noqa: S323
    try:
        with urllib.request.urlopen(url, timeout=1, context=context) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False

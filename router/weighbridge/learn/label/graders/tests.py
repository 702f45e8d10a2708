"""Scores an answer by running its code under the prompt's asserts: all hold is 1, otherwise 0.

The code runs in a process of its own, with limits on time, memory, files and processes, an empty
environment, a folder that is thrown away, and where the system permits it without network and
with process ids of its own. That guards against accidents. It is no sandbox: what means harm can
read what this user can read.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from weighbridge.learn.label.graders import Mark
from weighbridge.learn.records import PromptLine

_HARNESS: Final = Path(__file__).with_name("harness.py")
_FENCED: Final = re.compile(
    r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE
)
_PYTHON: Final = frozenset({"", "python", "py", "python3"})
_TAIL_BYTES: Final = 4096
_SHOWN_CHARS: Final = 300
_PROBE_S: Final = 10
_NAMESPACES: Final = (
    ("--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"),
    ("--net", "--pid", "--fork", "--kill-child"),
)
"""Flags of unshare(1): for any user where the system lets them, or for root."""


class Limits(msgspec.Struct, frozen=True):
    """What one answer's code may take: seconds of wall and processor time, bytes."""

    seconds: int = 10
    memory: int = 1024**3
    file_size: int = 16 * 1024**2


class CodeVerifier:
    """Runs the code of answers.

    Args:
        limits: what each may take.
        parallel: how many run at once.
    """

    def __init__(self, limits: Limits | None = None, parallel: int | None = None) -> None:
        self._limits = limits or Limits()
        self._room = asyncio.Semaphore(parallel or os.cpu_count() or 1)

    async def mark(self, prompt: PromptLine, answer: str) -> Mark:
        """Score one answer."""
        code = extract_code(answer)
        async with self._room:
            outcome, error = await self._run(code, prompt.tests)
        evidence = {"outcome": outcome, "network": "none" if confinement() else "as ours"}
        if error:
            evidence["error"] = error
        return Mark(float(outcome == "passed"), evidence)

    async def _run(self, code: str, tests: str) -> tuple[str, str]:
        mark = secrets.token_hex()
        task = {"code": code, "tests": tests, "mark": mark, **msgspec.to_builtins(self._limits)}
        with tempfile.TemporaryDirectory(
            prefix="weighbridge-tests-", ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            home = folder / "work"
            home.mkdir()
            (folder / "task").write_text(json.dumps(task))
            status = await self._spawn(folder, home)
            if status is None:
                return "timeout", f"longer than {self._limits.seconds} s"
            if _tail(folder / "output").endswith(mark):
                return "passed", ""
            return "failed", _last_line(_tail(folder / "errors")) or f"ended with {status}"

    async def _spawn(self, folder: Path, home: Path) -> int | None:
        """Run the harness to its end; None: it took too long and was killed."""
        # Files, not pipes: what the code prints is bounded, and nobody waits for who holds them.
        with (
            (folder / "task").open("rb") as task,
            (folder / "output").open("wb") as output,
            (folder / "errors").open("wb") as errors,
        ):
            process = await asyncio.create_subprocess_exec(
                *confinement(),
                *(sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_HARNESS)),
                stdin=task,
                stdout=output,
                stderr=errors,
                env={},
                cwd=home,
                start_new_session=True,
            )
        try:
            return await asyncio.wait_for(process.wait(), self._limits.seconds)
        except TimeoutError:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def extract_code(answer: str) -> str:
    """The Python in an answer: its fenced blocks, or all of it where nothing is fenced."""
    blocks = [body for language, body in _FENCED.findall(answer) if language.lower() in _PYTHON]
    return "\n".join(blocks) if blocks else answer


@cache
def confinement() -> tuple[str, ...]:
    """The command that cuts a process off from network and other processes; (): none works."""
    unshare = shutil.which("unshare")
    for flags in _NAMESPACES if unshare else ():
        command = (str(unshare), *flags, "--")
        try:
            ran = subprocess.run(
                [*command, "true"], capture_output=True, timeout=_PROBE_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if ran.returncode == 0:
            return command
    return ()


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().decode(errors="replace")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:_SHOWN_CHARS] if lines else ""

"""Builds the lab's tools into their cache: each once, whole or not at all, however many ask.

A module's folder is locked while one process builds in it. A binary gets its name when it is
complete, so that whoever finds one can run it; what a killed build leaves has another name and is
thrown away by the next. Modules are built one after the other: Go itself uses all cores.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from weighbridge_lab.tools import Tool, Toolbox

_LOCK: Final = ".lock"
_UNFINISHED: Final = ".building-"


class Report(Protocol):
    """Tells a person how builds go on."""

    def line(self, text: str) -> None:
        """Say something that stays."""
        ...

    def running(self, text: str) -> AbstractContextManager[None]:
        """Say what is being done, for as long as it is."""
        ...


@dataclass(frozen=True)
class Build:
    """A tool that was built; `seconds` are of the wall, downloads included."""

    tool: Tool
    seconds: float


def build(toolbox: Toolbox, names: Sequence[str], report: Report) -> list[Build]:
    """Build those of the tools that are missing, and say which those were.

    Raises:
        LabError: a name is not a tool's, or, as `CommandError`, with what Go said.
    """
    wanted = [toolbox.find(name) for name in names]
    missing = [tool for tool in wanted if not toolbox.binary(tool).exists()]
    done: list[Build] = []
    for module in dict.fromkeys(tool.module for tool in missing):
        with _only_builder(toolbox.folder(module), report.line) as lock:
            for number, tool in enumerate(missing, start=1):
                # The builder that was waited for may have made it.
                if tool.module == module and not toolbox.binary(tool).exists():
                    label = f"{tool.name} ({number} of {len(missing)})"
                    done.append(_build_one(toolbox, tool, label, lock, report))
    return done


def prune(toolbox: Toolbox) -> list[Path]:
    """Remove what other pins or another Go left in the cache; return it. Running builds stay."""
    current = {toolbox.key(tool.module) for tool in toolbox.tools}
    modules = {tool.module for tool in toolbox.tools}
    removed = []
    for folder in sorted(toolbox.cache.glob("*-*")):
        stale = folder.name not in current and folder.name.rpartition("-")[0] in modules
        if stale and _removed(folder):
            removed.append(folder)
    return removed


def _build_one(toolbox: Toolbox, tool: Tool, label: str, lock: IO[str], report: Report) -> Build:
    started = time.monotonic()
    with report.running(f"building {label}"):
        _go_build(toolbox, tool, lock)
    built = Build(tool, time.monotonic() - started)
    report.line(f"built {label} in {built.seconds:.0f} s")
    return built


def _go_build(toolbox: Toolbox, tool: Tool, lock: IO[str]) -> None:
    binary = toolbox.binary(tool)
    unfinished = binary.with_name(f"{_UNFINISHED}{tool.name}")
    unfinished.unlink(missing_ok=True)
    flags = ["-trimpath", "-buildvcs=false", "-ldflags", toolbox.linker_flags(tool.module)]
    try:
        toolbox.go.run(
            ["build", *flags, "-o", str(unfinished), tool.package],
            toolbox.modules / tool.module,
            # Go inherits the lock: where this process is killed, the next waits for the end of Go.
            pass_fds=(lock.fileno(),),
        )
        unfinished.rename(binary)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _only_builder(folder: Path, say: Callable[[str], None]) -> Iterator[IO[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w", encoding="utf-8") as file:
        if not _locked(file):
            say(f"another process builds {folder.name}: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _removed(folder: Path) -> bool:
    with (folder / _LOCK).open("w", encoding="utf-8") as file:
        if not _locked(file):
            return False
        shutil.rmtree(folder)
    return True

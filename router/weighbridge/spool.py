"""Lines in, files out that only their owner can read, bounded in size, number and age.

A folder may be shared by several routers: the bounds are those of the folder, each router writes a
file of its own, and one whose file another has deleted opens the next.
"""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from weighbridge.errors import SettingsError

_OWN_FILE = re.compile(r"prompts-(\d{8}T\d{6})Z-[0-9a-f]{8}\.jsonl")
_STAMP = "%Y%m%dT%H%M%S"
_OTHERS = 0o077
_FILES_PER_AGE = 8
"""A file takes lines for this part of the age bound, so that its first line, by which it is
deleted, is little older than its last."""


class Bounds(Protocol):
    """The part of the settings that bounds what lies in a folder."""

    @property
    def file_bytes(self) -> int:
        """Size at which a file is closed."""

    @property
    def files(self) -> int:
        """Most files in the folder, 2 or more."""

    @property
    def keep_s(self) -> float:
        """Age of its first line, in seconds, at which a file is deleted."""


def prepare_folder(folder: Path) -> None:
    """Make the folder, or see that the one there is fit to hold prompts.

    Raises:
        SettingsError: if it can't be made or written, or if others could read what lies in it.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise SettingsError(f"capture.folder: {folder}: can't be made: {error.strerror}") from error
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
        raise SettingsError(
            f"capture.folder: {folder}: expected a folder that only the router's user can enter "
            f"(mode 0700, user id {os.geteuid()}), came mode {status.st_mode & 0o7777:04o}, user "
            f"id {status.st_uid}; name a folder that the router may make itself, or chmod it"
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        raise SettingsError(f"capture.folder: {folder}: can't be written; is it mounted read-only?")


class Spool:
    """The files of one folder. One thread uses it; `bounds` may be replaced from any.

    Args:
        folder: as `prepare_folder` left it.
        bounds: of size, number and age.
        clock: seconds since 1970.
    """

    def __init__(
        self, folder: Path, bounds: Bounds, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self.bounds = bounds
        self._clock = clock
        self._descriptor = -1
        self._size = 0
        self._opened = 0.0

    def write(self, line: bytes) -> None:
        """Write one line whole or not at all.

        Raises:
            OSError: if it can't be written; what was there before is as it was.
        """
        if self._descriptor >= 0 and self._is_full(len(line)):
            self.close()
        if self._descriptor < 0:
            self._open()
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(line)

    def sweep(self) -> None:
        """Delete what is older than the bound, and the oldest of what is too much.

        Raises:
            OSError: if the folder can't be read, or a file in it not be deleted.
        """
        now = self._clock()
        if self._descriptor >= 0 and self._is_full(0):
            self.close()
        files = self._files()
        too_many = len(files) - self.bounds.files
        for number, (path, started) in enumerate(files):
            if number < too_many or now - started > self.bounds.keep_s:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let the open file go; the next line opens another."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _is_full(self, more: int) -> bool:
        """Whether the open file can't take so many bytes more: too large, too old, or deleted."""
        return (
            self._size + more > self.bounds.file_bytes
            or self._clock() - self._opened > self.bounds.keep_s / _FILES_PER_AGE
            or os.fstat(self._descriptor).st_nlink == 0
        )

    def _open(self) -> None:
        for path, _ in self._files()[: -(self.bounds.files - 1)]:
            path.unlink(missing_ok=True)
        self._opened = self._clock()
        stamp = datetime.fromtimestamp(self._opened, UTC).strftime(_STAMP)
        self._descriptor = os.open(
            self.folder / f"prompts-{stamp}Z-{secrets.token_hex(4)}.jsonl",
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC,
            0o600,
        )
        self._size = 0

    def _files(self) -> list[tuple[Path, float]]:
        """Own kind of file, oldest first, each with the second in which it was opened.

        What else lies in the folder is not ours to delete.
        """
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if match := _OWN_FILE.fullmatch(entry.name):
                    with contextlib.suppress(ValueError):
                        started = datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
                        found.append((Path(entry.path), started.timestamp()))
        return sorted(found)

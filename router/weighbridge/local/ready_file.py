"""The file that tells scripts and tests that everything is ready, where, and under which pids."""

import os
from pathlib import Path
from typing import Any

import msgspec


class ReadyFile:
    """Written whole or not at all; removed when the run ends.

    Args:
        path: where; None: nowhere, and every call does nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, values: dict[str, Any]) -> None:
        """Write `values` as JSON, replacing an earlier version in one step."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n")
        draft.replace(self._path)

    def remove(self) -> None:
        """Remove it, if it is there."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

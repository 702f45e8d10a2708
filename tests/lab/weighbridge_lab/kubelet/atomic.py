"""Files of a volume that change all at once, the way a kubelet does it.

    volume/..2026_11_21_10_00_00.123456/settings.yaml     the files
    volume/..data -> ..2026_11_21_10_00_00.123456         renamed over the one before
    volume/settings.yaml -> ..data/settings.yaml          what a container opens

Programmes that watch their configuration watch ``..data``, so nothing less will do.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_DATA = "..data"
_NEW_DATA = "..data_tmp"


@dataclass(frozen=True)
class File:
    """One file of a volume.

    Attributes:
        content: its bytes.
        mode: its permissions.
    """

    content: bytes
    mode: int = 0o644


Payload = Mapping[str, File]
"""Path within the volume to file."""


def write(folder: Path, payload: Payload) -> bool:
    """Make a folder hold a payload and nothing else.

    Returns:
        Whether anything had to change.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / _DATA
    before = data.resolve() if data.is_symlink() else None
    if before is not None and _read(before) == dict(payload):
        return False
    version = _write_version(folder, payload)
    new = folder / _NEW_DATA
    new.unlink(missing_ok=True)
    new.symlink_to(version.name)
    new.replace(data)
    _link(folder, {Path(path).parts[0] for path in payload})
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)
    return True


def _write_version(folder: Path, payload: Payload) -> Path:
    version = folder / datetime.now(UTC).strftime("..%Y_%m_%d_%H_%M_%S.%f")
    version.mkdir()
    for path, file in payload.items():
        target = version / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    return version


def _link(folder: Path, names: set[str]) -> None:
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{_DATA}/{name}")
    for entry in folder.iterdir():
        # What is no link of ours is a place where another volume is mounted.
        is_ours = entry.is_symlink() and not entry.name.startswith("..")
        if is_ours and entry.name not in names:
            entry.unlink()


def _read(version: Path) -> dict[str, File]:
    found = {}
    for parent, _, names in os.walk(version):
        for name in names:
            path = Path(parent, name)
            mode = path.stat().st_mode & 0o7777
            found[str(path.relative_to(version))] = File(path.read_bytes(), mode)
    return found

#!/usr/bin/env python3
"""Fetch a model's files into a volume, once: repository, revision, folder, patterns to leave out.

Pods that share the volume wait for the first one. What was begun is gone on with, and what is
complete is left as it is. The token, for a gated model, is in the variable HF_TOKEN.
"""

import fcntl
import sys
from pathlib import Path

from huggingface_hub import snapshot_download

_MARK = ".weighbridge-complete"
_LOCK = ".weighbridge-lock"


def download(repository: str, revision: str, folder: Path, ignore: list[str]) -> bool:
    """Fetch what is not there; False: all of it was."""
    wanted = f"{repository}@{revision or 'main'}\n"
    mark = folder / _MARK
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists() and mark.read_text() == wanted:
            return False
        mark.unlink(missing_ok=True)
        snapshot_download(
            repository, revision=revision or None, local_dir=folder, ignore_patterns=ignore
        )
        mark.write_text(wanted)
    return True


if __name__ == "__main__":
    fetched = download(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
    sys.stdout.write(f"{'fetched' if fetched else 'already there'} {sys.argv[1]}\n")

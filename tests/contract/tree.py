"""The repository's own files, as a checkout or a source archive holds them."""

import os
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
EXPECTED_FAILURES = "expected_failures"

_KEPT_DOT_FOLDERS = {".github", ".ci"}
_BUILT = {"__pycache__", "node_modules", "build", "dist", EXPECTED_FAILURES}


def files(*suffixes: str) -> Iterator[Path]:
    """Files with one of the suffixes, or all; what tools leave behind is passed over."""
    for folder, below, names in os.walk(REPOSITORY):
        below[:] = sorted(
            name
            for name in below
            if name not in _BUILT and (not name.startswith(".") or name in _KEPT_DOT_FOLDERS)
        )
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink() and (not suffixes or path.suffix in suffixes):
                yield path


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()

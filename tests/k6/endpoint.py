"""`weighbridge up` as an endpoint for k6, and k6 itself; what is missing is status 2."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from weighbridge.local.ports import free_ports

HERE = Path(__file__).parent
BROKEN = 99
"""k6's exit status where a threshold was crossed."""
_START_S = 120


def find_k6() -> str:
    """Find k6: the one beside this Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("k6")
    found = str(beside) if beside.exists() else shutil.which("k6")
    return found or give_up("no k6: `make setup` installs it into .venv, or put one on PATH")


def run_suite(k6: str, suite: str, url: str, out: Path, settings: Mapping[str, str]) -> bool:
    """Run one suite; says whether all of its promises were kept."""
    environment = {**os.environ, "WEIGHBRIDGE_URL": url, "OUT": str(out), **settings}
    command = [k6, "run", "--quiet", "--no-usage-report", str(HERE / f"{suite}.js")]
    status = subprocess.run(command, env=environment, check=False).returncode
    if status not in {0, BROKEN}:
        give_up(f"{suite}: k6 ended with status {status}, before it could judge; it says why above")
    return status == 0


@contextmanager
def own_endpoint() -> Iterator[dict[str, Any]]:
    """Start `weighbridge up`, and end it; gives what its ready file says."""
    with tempfile.TemporaryDirectory() as folder:
        ready, log = Path(folder) / "ready.json", Path(folder) / "log"
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "weighbridge", "up", "--plain", "--port", str(port)]
        command += ["--ready-file", str(ready), "--run-dir", f"{folder}/run"]
        with log.open("wb") as sink:
            process = subprocess.Popen(command, stdout=sink, stderr=sink)
        try:
            yield _ready(process, ready, log)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, Any]:
    end = time.monotonic() + _START_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > end:
            give_up(f"`weighbridge up` did not come up:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.1)
    return dict(json.loads(ready.read_text(encoding="utf-8")))


def base_of(endpoint: str) -> str:
    """Give the URL that suites take: without the API's version."""
    return endpoint.rstrip("/").removesuffix("/v1")


def give_up(reason: str) -> NoReturn:
    """End the run: it could not be tried."""
    typer.echo(f"k6: {reason}", err=True)
    sys.exit(2)

#!/usr/bin/env python3
"""Run suites of k6 against an endpoint, one after the other; `make k6` calls it.

Without --url it starts `weighbridge up` and ends it afterwards. Exit status: 0 if every promise of
every suite was kept, 1 if not, 2 if it could not be tried.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer
from weighbridge.local.ports import free_ports

HERE = Path(__file__).parent
SUITES = sorted(path.stem for path in HERE.glob("[a-z]*.js"))
BROKEN = 99
"""k6's exit status where a threshold was crossed."""
_START_S = 120
_ASK_S = 5


def main(
    suites: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(SUITES)}. [smoke slo]")
    ] = None,
    url: Annotated[str, typer.Option(help="The endpoint. [`weighbridge up` is started]")] = "",
    out: Annotated[Path, typer.Option(help="Folder for reports, HTML and JSON.")] = Path(
        "build/k6"
    ),
    token: Annotated[
        str, typer.Option(envvar="WEIGHBRIDGE_TOKEN", help="Bearer token.", show_default=False)
    ] = "",
) -> None:
    """Run suites of k6; what else they take is in tests/k6/README.md, as environment variables."""
    wanted = suites or ["smoke", "slo"]
    if unknown := [name for name in wanted if name not in SUITES]:
        _give_up(f"no suite {', '.join(unknown)}: expected some of {', '.join(SUITES)}")
    k6 = _k6()
    out.mkdir(parents=True, exist_ok=True)
    with _endpoint(url) as endpoint:
        kept = [_run(k6, name, endpoint, out.resolve(), token) for name in wanted]
    typer.echo(f"reports: {out}")
    sys.exit(0 if all(kept) else 1)


def _k6() -> str:
    beside = Path(sys.executable).with_name("k6")
    found = str(beside) if beside.exists() else shutil.which("k6")
    return found or _give_up("no k6: `make setup` installs it into .venv, or put one on PATH")


def _run(k6: str, suite: str, url: str, out: Path, token: str) -> bool:
    environment = {
        **os.environ,
        "WEIGHBRIDGE_URL": url,
        "WEIGHBRIDGE_TOKEN": token,
        "OUT": str(out),
    }
    command = [k6, "run", "--quiet", "--no-usage-report", str(HERE / f"{suite}.js")]
    status = subprocess.run(command, env=environment, check=False).returncode
    if status not in {0, BROKEN}:
        _give_up(
            f"{suite}: k6 ended with status {status}, before it could judge; it says why above"
        )
    return status == 0


@contextmanager
def _endpoint(url: str) -> Iterator[str]:
    if not url:
        with _own() as started:
            yield started
        return
    base = url.rstrip("/").removesuffix("/v1")
    try:
        httpx.get(f"{base}/v1/models", timeout=_ASK_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        _give_up(f"no answer from {base} ({error}): is it up? `make up` runs one on this machine")
    yield base


@contextmanager
def _own() -> Iterator[str]:
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


def _ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> str:
    end = time.monotonic() + _START_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > end:
            _give_up(f"`weighbridge up` did not come up:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.1)
    return str(json.loads(ready.read_text(encoding="utf-8"))["endpoint"]).removesuffix("/v1")


def _give_up(reason: str) -> NoReturn:
    typer.echo(f"k6: {reason}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    typer.run(main)

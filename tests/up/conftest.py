"""`weighbridge up` as a person starts it, once for all tests of this folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from weighbridge.local.ports import free_ports

READY_S = 60


@dataclass
class Run:
    """One run of `weighbridge up`."""

    process: subprocess.Popen[bytes]
    ready_file: Path
    output: Path

    @property
    def said(self) -> dict[str, Any]:
        return json.loads(self.ready_file.read_text())

    @property
    def endpoint(self) -> str:
        return str(self.said["endpoint"])

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.endpoint, api_key="unused", max_retries=0)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until `holds`; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Run]]:
    """Start a run with extra arguments; all runs end with the session."""
    runs: list[Run] = []

    def started(*arguments: str, wait: bool = True, seconds: float = READY_S) -> Run:
        folder = tmp_path_factory.mktemp("up")
        output = folder / "output.txt"
        command = [sys.executable, "-m", "weighbridge", "up", "--plain"]
        command += ["--ready-file", str(folder / "ready.json"), "--run-dir", str(folder / "run")]
        if "--port" not in arguments:
            command += ["--port", str(free_ports(1)[0])]
        with output.open("wb") as sink:
            process = subprocess.Popen([*command, *arguments], stdout=sink, stderr=sink)
        run = Run(process, folder / "ready.json", output)
        runs.append(run)
        if wait:
            eventually(lambda: run.ready_file.exists() or process.poll() is not None, seconds)
            assert process.poll() is None, output.read_text()
        return run

    yield started
    for run in runs:
        if run.process.poll() is None:
            run.stop()


@pytest.fixture(scope="session")
def up(start: Callable[..., Run]) -> Run:
    """A run that all tests share; none of them may end it."""
    return start()


@pytest.fixture
def http(up: Run) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=up.endpoint, timeout=30) as client:
        yield client

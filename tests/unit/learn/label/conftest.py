"""Real simulators as pools and judge, each a process of its own, and prompts to ask them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

STARTUP_S = 30


def eventually(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until `holds`, which looks at another process."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


class Simulator:
    """A simulator process; `start` again after `kill` keeps the port."""

    def __init__(self, *flags: str) -> None:
        self.flags = flags
        self.port = 0
        self._before = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "weighbridge_simulator", "--port", str(self.port)]
        command += ["--debug-endpoints", "--drain-seconds", "0", *self.flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert "http://" in line, "the simulator did not start"
        self.url = line.split()[-1]
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.close()

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()

    def fail(self, **failures: Any) -> None:
        httpx.put(f"{self.url}/debug/failures", json=failures).raise_for_status()

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        page = httpx.get(f"{self.url}/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and "abort" not in sample.labels.values()
        )

    def reset(self) -> "Simulator":
        """Be healthy again, and count answers from here."""
        self.fail()
        self._before += self.answered
        return self

    @property
    def answered(self) -> int:
        """Requests that ended in an answer."""
        return int(self.metric("vllm:request_success_total")) - self._before

    def settle(self) -> None:
        """Wait until nothing is in flight, as after a client was killed."""
        eventually(lambda: self.metric("vllm:num_requests_running") == 0)


@pytest.fixture(scope="module")
def lasting() -> Iterator[Callable[..., Simulator]]:
    """Start simulators that end with the module."""
    yield from _simulators()


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Start simulators that end with the test."""
    yield from _simulators()


def _simulators() -> Iterator[Callable[..., Simulator]]:
    running: list[Simulator] = []

    def start(*flags: str) -> Simulator:
        running.append(Simulator(*flags))
        return running[-1]

    yield start
    for each in running:
        each.close()


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Command:
    """`weighbridge learn label` as a person runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "labels.jsonl"
        self.journal = folder / "labels.jsonl.journal"
        self.started: list[subprocess.Popen[str]] = []

    def argv(self, *arguments: str) -> list[str]:
        return [
            *(sys.executable, "-m", "weighbridge", "learn", "label"),
            *(str(self.folder / "prompts.jsonl"), "--out", str(self.out), *arguments),
        ]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            self.argv(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run to the end; exit status, and all that was said."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=90)
        return process.returncode, said

    def paid(self, role: str = "") -> set[str]:
        """Ids of the prompts that the journal holds an answer for."""
        entries = []
        for line in self.journal.read_bytes().splitlines() if self.journal.exists() else ():
            with suppress(json.JSONDecodeError):
                entries.append(json.loads(line))
        return {
            entry["id"]
            for entry in entries
            if entry["kind"] == "paid" and role in {"", entry["role"]}
        }


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    made = Command(tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.stdout.close()
        process.wait()

"""The whole of `weighbridge up` with simulated pools, as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest
from weighbridge.errors import LocalError
from weighbridge.local.plan import UpOptions
from weighbridge.local.ports import LOOPBACK, free_ports
from weighbridge.local.screen import EASY, HARD
from weighbridge.local.up import run_up

COMMAND = "from weighbridge.local.commands import app; app()"


class Run:
    """A running `weighbridge up`."""

    def __init__(self, folder, *options):
        self.ready_file = folder / "ready.json"
        self.run_dir = folder / "run"
        self.output = folder / "output"
        (port,) = free_ports(1)
        with self.output.open("wb") as output:
            self.popen = subprocess.Popen(
                [
                    *(sys.executable, "-c", COMMAND, "--port", str(port)),
                    *("--ready-file", self.ready_file, "--run-dir", self.run_dir),
                    *options,
                ],
                stdout=output,
                stderr=output,
            )

    def wait_ready(self):
        until(self.ready_file.exists, self.text)
        return self.values()

    def values(self):
        return json.loads(self.ready_file.read_text())

    def text(self):
        return self.output.read_text()

    def family(self):
        return psutil.Process(self.popen.pid).children(recursive=True)

    def end(self, number):
        self.popen.send_signal(number)
        return self.popen.wait(30)


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    if run.popen.poll() is None:
        run.popen.kill()
        run.popen.wait()


def until(true, what=lambda: "", seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ask(endpoint, prompt):
    """Send a prompt; gives tier and reason, or the status of an error."""
    message = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "max_tokens": 1}
    request = urllib.request.Request(  # noqa: S310 - a server of our own
        f"{endpoint}/chat/completions",
        json.dumps(message).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - likewise
            headers = response.headers
            return headers["x-weighbridge-tier"], headers["x-weighbridge-reason"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_prompts_are_routed_and_shown_until_ctrl_c(run):
    values = run.wait_ready()
    assert set(values["pids"]) == {"pool-small", "pool-large", "router", "envoy"}
    assert ask(values["endpoint"], EASY) == ("small", "score")
    assert ask(values["endpoint"], HARD) == ("large", "score")
    for url in (values["metrics"], values["admin"]):
        with urllib.request.urlopen(url) as response:  # noqa: S310 - a server of our own
            assert response.status == 200
    until(lambda: "tier=large" in run.text(), run.text)
    family = run.family()
    assert run.end(signal.SIGINT) == 0
    assert not run.ready_file.exists()
    assert not any(alive(process) for process in family)
    assert "2 requests: " in run.text()
    assert (run.run_dir / "access.jsonl").exists()


def test_tokens_are_counted_where_that_was_asked_for(tmp_path):
    run = Run(tmp_path, "--meter")
    try:
        values = run.wait_ready()
        assert set(values["pids"]) == {"pool-small", "pool-large", "router", "envoy", "meter"}
        assert f"tokens    {values['tokens']}" in run.text()
        assert ask(values["endpoint"], EASY) == ("small", "score")
        series = 'weighbridge_tokens_total{kind="completion",team="none",tier="small"} 1.0'

        def counted():
            with urllib.request.urlopen(values["tokens"]) as response:  # noqa: S310 - our own
                return series in response.read().decode()

        until(counted, run.text)
    finally:
        run.end(signal.SIGINT)


def test_killed_router_comes_back_and_a_dead_pool_does_not_end_the_run(run):
    values = run.wait_ready()
    os.kill(values["pids"]["router"], signal.SIGKILL)
    assert ask(values["endpoint"], EASY) in {("large", "fail-open"), ("small", "score")}
    until(lambda: run.values()["pids"]["router"] != values["pids"]["router"], run.text)
    until(lambda: ask(values["endpoint"], EASY) == ("small", "score"), run.text)
    os.kill(values["pids"]["pool-small"], signal.SIGKILL)
    until(lambda: "pool-small was killed by SIGKILL; the rest goes on" in run.text(), run.text)
    assert ask(values["endpoint"], EASY) == 503
    assert ask(values["endpoint"], HARD) == ("large", "score")
    assert run.end(signal.SIGTERM) == 0


def test_end_of_envoy_ends_the_run(run):
    values = run.wait_ready()
    family = run.family()
    os.kill(values["pids"]["envoy"], signal.SIGKILL)
    assert run.popen.wait(30) == 1
    assert not any(alive(process) for process in family)
    assert "envoy was killed by SIGKILL; nothing works without it" in run.text()


def test_nobody_outlives_a_killed_run(run):
    run.wait_ready()
    family = run.family()
    assert len(family) == 5  # four children and their guardian
    run.popen.kill()
    run.popen.wait()
    until(lambda: not any(alive(process) for process in family))


def test_ctrl_c_while_starting_leaves_nobody(run):
    until(lambda: len(run.family()) >= 3, run.text)
    family = run.family()
    assert run.end(signal.SIGINT) == 0
    assert not any(alive(process) for process in family)
    assert not run.ready_file.exists()
    assert "Traceback" not in run.text()


def test_taken_port_is_told_before_anything_starts():
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(LocalError, match=f"port {port} is in use .* --port"):
            run_up(UpOptions(port=port))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("classifier: {artifact: /nowhere}", r"(?s)router ended with status 1.*/nowhere"),
        ("listen: {tls: {certificate: a, private_key: b}}", "remove listen.tls"),
    ],
    ids=["no-artifact", "tls"],
)
def test_settings_that_cannot_work_here_are_told(tmp_path, settings, message):
    config = tmp_path / "settings.yaml"
    config.write_text(settings)
    options = UpOptions(port=free_ports(1)[0], config=config, run_dir=tmp_path / "run")
    before = set(psutil.Process().children())
    with pytest.raises(LocalError, match=message):
        run_up(options)
    assert set(psutil.Process().children()) <= before

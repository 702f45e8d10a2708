"""Child processes of the tests: each ready when started, none left behind."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TESTS = Path(__file__).parents[1]
STARTUP_SECONDS = 30


class Child:
    """A process with its log; `start` again after `stop` or `kill` keeps argv and ports."""

    def __init__(self, name, argv, log_dir, env=None, ready_url=None):
        self.name = name
        self.argv = [str(word) for word in argv]
        self.log = Path(log_dir) / f"{name}.log"
        self.env = {**os.environ, "PYTHONPATH": str(TESTS), **(env or {})}
        self.ready_url = ready_url
        self.popen = None

    def start(self, wait=True):
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.argv, env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        deadline = time.monotonic() + STARTUP_SECONDS
        while self.ready_url and not answers(self.ready_url):
            if self.popen.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.name} is not ready:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def terminate(self, timeout=20):
        self.popen.terminate()
        return self.popen.wait(timeout)

    def close(self):
        if self.popen is not None and self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.kill()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310 - own ports
            return response.status == 200
    except OSError:
        return False


def python(module, *words):
    return [sys.executable, "-m", module, *words]

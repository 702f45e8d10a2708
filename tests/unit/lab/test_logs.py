"""The fixture `lab` of tests/lab keeps logs where a test failed: pytest is run with a fake lab."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
CONFTEST = TESTS / "lab" / "conftest.py"
FAKE = f"""
from pathlib import Path
from types import SimpleNamespace

# It runs nothing that would have to be built.
from weighbridge_lab import tools
tools.path = Path
exec(compile(Path({str(CONFTEST)!r}).read_text(), {str(CONFTEST)!r}, "exec"))


class Lab:
    def __init__(self, state, places, report):
        self.cluster = SimpleNamespace(layout=SimpleNamespace(state=state))

    def start(self):
        state = self.cluster.layout.state
        for name in ("logs/etcd.log", "logs/plan.json", "pki/ca.key"):
            (state / name).parent.mkdir(parents=True, exist_ok=True)
            (state / name).write_text(name)
        (state / "logs" / "link.log").symlink_to("etcd.log")
        if {{broken}}:
            raise OSError("no start")

    def stop(self):
        self.cluster.layout.state.joinpath("logs/etcd.log").write_text("stopped")
"""
USES = "def test_one(lab):\n    assert {good}\n"


@pytest.mark.parametrize(
    ("good", "broken", "kept"),
    [(True, False, None), (False, False, "stopped"), (True, True, "logs/etcd.log")],
    ids=["all pass", "a test fails", "the lab does not start"],
)
def test_logs_and_nothing_else_are_kept_where_something_failed(tmp_path, good, broken, kept):
    (tmp_path / "conftest.py").write_text(FAKE.format(broken=broken))
    (tmp_path / "test_one.py").write_text(USES.format(good=good))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode == 0) == (kept is None), ran.stdout
    folder = tmp_path / "build" / "lab-logs"
    found = {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == ({} if kept is None else {"etcd.log": kept})

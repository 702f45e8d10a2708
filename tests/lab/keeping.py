"""A lab for the tests of a run, and what is kept of it where one of them failed."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

LOGS = Path("build/lab-logs")
FAILED = pytest.StashKey[bool]()
"""Of a session: a test that asks for the lab has failed."""


@contextmanager
def running(lab, session):
    """Have a lab up; its logs are kept where it did not start, or a test failed."""
    try:
        lab.start()
    except BaseException:
        keep_logs(lab)
        raise
    try:
        yield lab
    finally:
        lab.stop()
        if session.stash.get(FAILED, False):
            keep_logs(lab)


def keep_logs(lab):
    """Copy what a lab's processes and containers said."""
    shutil.rmtree(LOGS, ignore_errors=True)
    shutil.copytree(lab.cluster.layout.state, LOGS, ignore=_all_but_logs)


def _all_but_logs(folder, names):
    paths = ((name, Path(folder, name)) for name in names)
    return [
        n for n, path in paths if path.is_symlink() or not (path.is_dir() or n.endswith(".log"))
    ]

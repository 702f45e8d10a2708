"""What is kept of a lab in which a test failed."""

import shutil
from pathlib import Path

LOGS = Path("build/lab-logs")


def keep_logs(lab):
    """Copy what a lab's processes and containers said."""
    shutil.rmtree(LOGS, ignore_errors=True)
    shutil.copytree(lab.cluster.layout.state, LOGS, ignore=_all_but_logs)


def _all_but_logs(folder, names):
    paths = ((name, Path(folder, name)) for name in names)
    return [
        n for n, path in paths if path.is_symlink() or not (path.is_dir() or n.endswith(".log"))
    ]

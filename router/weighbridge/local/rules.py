"""The Prometheus of this machine and the rules for it: found, and found sound, or told why not."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from weighbridge.errors import LocalError

_IN_WHEEL = Path(__file__).parents[1] / "rules"
_IN_CHECKOUT = Path(__file__).parents[3] / "observability" / "rules"
PACKAGED: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
"""The rules that come with this package."""

FILES: Final = "*.rules.yaml"
"""Which files of such a folder are rules; their tests lie beside them."""


def find_prometheus() -> Path:
    """Find Prometheus on the search path.

    Raises:
        LocalError: where there is none, with what to install.
    """
    found = shutil.which("prometheus")
    if found is None:
        raise LocalError(
            "--observe needs Prometheus, and there is no command `prometheus` on PATH. Install it "
            "(Debian: apt-get install prometheus), or leave --observe away"
        )
    return Path(found)


def require_rules(folder: Path, prometheus: Path) -> None:
    """Make sure that Prometheus will take the rules, by the promtool that came with it.

    Where there is no promtool, Prometheus itself refuses them at its start.

    Raises:
        LocalError: naming the file, and what promtool says of it.
    """
    files = sorted(folder.glob(FILES))
    if not files:
        raise LocalError(f"--rules: expected a folder with files {FILES}, came {folder}")
    promtool = shutil.which("promtool", path=str(prometheus.parent)) or shutil.which("promtool")
    if promtool is None:
        return
    done = subprocess.run(
        [promtool, "check", "rules", *files], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LocalError(f"--rules: a rule is faulty, and nothing was started\n{_complaints(done)}")


def _complaints(done: subprocess.CompletedProcess[str]) -> str:
    """What promtool says of faulty files, less what it says of sound ones."""
    lines = (line.strip() for line in (done.stdout + done.stderr).splitlines())
    said = [line for line in lines if ".rules.yaml:" in line]
    return "\n".join(f"  {line}" for line in said) or (done.stdout + done.stderr).strip()

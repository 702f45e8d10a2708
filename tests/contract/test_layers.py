"""The layers of the sources are a file, and this is where it is run."""

import subprocess
import sysconfig
from pathlib import Path

from contract.tree import REPOSITORY


def test_no_module_imports_from_a_layer_above_it():
    command = [Path(sysconfig.get_path("scripts"), "lint-imports"), "--no-cache"]

    ran = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert "0 broken" in ran.stdout

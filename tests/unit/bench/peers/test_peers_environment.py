"""A peer that can't be installed says why and what to do; one that was is not built again."""

import subprocess

import pytest
from weighbridge.bench.peers import environment
from weighbridge.errors import LocalError

HASHES = (
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
    "  Expected sha256 00\n  Got ff"
)


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "lock.txt"
    path.write_text("httpx==1.0 \\\n  --hash=sha256:00\nlitellm==9.9.9 \\\n  --hash=sha256:00\n")
    return path


def test_the_packaged_lock_has_a_hash_for_each_pin_and_no_address():
    text = environment.LOCK.read_text()
    pins = [line for line in text.splitlines() if "==" in line]

    assert environment.version() == "1.109.1"
    assert all(line.endswith("\\") for line in pins)
    assert "://" not in text
    assert "--index" not in text


def test_the_lock_holds_the_proxy_and_not_only_the_library():
    pinned = {line.split("==")[0] for line in environment.LOCK.read_text().splitlines()}

    assert {"litellm", "fastapi", "uvicorn"} <= pinned


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            subprocess.CalledProcessError(1, "pip", "", "ERROR: No matching distribution"),
            "No matching distribution",
        ),
        (subprocess.CalledProcessError(1, "pip", "", HASHES), "DO NOT MATCH THE HASHES"),
        (subprocess.CalledProcessError(1, "pip", "", ""), "pip said nothing"),
        (subprocess.TimeoutExpired("pip", 900), "timed out"),
        (OSError("no such file"), "no such file"),
    ],
)
def test_a_peer_that_can_not_be_installed_is_told_with_the_way_out(
    tmp_path, lock, monkeypatch, fault, said
):
    def run(*_, **__):
        raise fault

    monkeypatch.setattr(subprocess, "run", run)

    with pytest.raises(LocalError, match=said) as told:
        environment.ensure_environment(tmp_path / "cache", lock)

    assert "package index can be reached" in str(told.value)
    assert not list(tmp_path.glob("cache/*/complete"))

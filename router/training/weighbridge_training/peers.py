"""Prompts in, LiteLLM's scores of the same prompts out, from an environment of its own.

Its environment is that of `weighbridge bench --peers`; here it runs as a subprocess that
talks JSON lines.
"""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

import msgspec
import numpy as np
from weighbridge.bench.peers import environment
from weighbridge.bench.peers.environment import LOCK, cache_folder, version
from weighbridge.errors import LocalError
from weighbridge.learn.ranking import Floats

__all__ = ["LOCK", "cache_folder", "version"]

LITELLM: Final = "LiteLLM"
LITELLM_TRAINED: Final = "LiteLLM heuristic_v2"

WORKER: Final = Path(__file__).with_name("litellm_worker.py")

_SHOWN_CHARS: Final = 400


class PeerError(Exception):
    """LiteLLM could not be installed or run; the evaluation goes on without it."""


class PeerScores(msgspec.Struct, frozen=True, eq=False):
    """What one peer says of the prompts: scores, higher is harder, and the seconds of each."""

    values: Floats
    seconds: Floats


def ensure_environment(cache: Path, lock: Path = LOCK) -> Path:
    """Build LiteLLM's environment where it is missing; returns its interpreter.

    Raises:
        PeerError: if a step of the build fails, with the end of what it said.
    """
    try:
        return environment.ensure_environment(cache, lock)
    except LocalError as error:
        raise PeerError(str(error)) from error


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


def _end(output: Sequence[str]) -> str:
    said = " ".join("".join(output).split())
    return said[-_SHOWN_CHARS:] or "it said nothing"

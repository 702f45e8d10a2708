"""`make replay`: the whole of `weighbridge learn` without a model hub, on recorded scores.

Two simulators stand for the pools and answer each training prompt with the score that a real model
once got on it; a pattern grades the answers. From there on all is as an operator would do it:
label, fit, report. The report alone sees the public sets, of rows that nothing was fitted to.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from weighbridge.errors import LearnError, WeighbridgeError
from weighbridge.learn.records import PromptLine, write_lines

from weighbridge_training.public import LLMROUTER, MMLU, PublicSet, read_public
from weighbridge_training.sets import (
    LLMROUTER_PAIR,
    PairedRows,
    as_labels,
    pair_up,
    read_train,
)

PATTERN: Final = r"^score: (?P<score>[\d.e-]+)$"
_READY_S: Final = 60.0


class Track(msgspec.Struct, frozen=True):
    """One proof.

    Attributes:
        name: of its folder.
        train: file of recorded scores that is labelled and fitted to.
        models: of that file, where it has more than two.
        public: the set that it is reported on.
    """

    name: str
    train: str
    models: tuple[str, str] | None
    public: PublicSet


TRACKS: Final = (
    Track("llmrouter", "llmrouter_train", LLMROUTER_PAIR, LLMROUTER),
    Track("mmlu", "mmlu_gold1500", None, MMLU),
)


def main() -> None:
    """Label, fit and report on recorded scores, by simulators in place of pools."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of train/ and public/")
    parser.add_argument("--out", type=Path, default=Path("build/replay"), help="folder of results")
    parser.add_argument("--only", choices=[track.name for track in TRACKS], help="one track")
    options = parser.parse_args()
    try:
        for track in TRACKS:
            if options.only in (None, track.name):
                replay(track, options.data, options.out / track.name)
    except WeighbridgeError as error:
        sys.exit(f"replay: {error}")


def replay(track: Track, data: Path, folder: Path) -> None:
    """Run one track; its folder must not hold an artifact yet."""
    folder.mkdir(parents=True, exist_ok=True)
    paired = pair_up(track.train, read_train(data, track.train), track.models)
    prompts, labels, artifact = (folder / n for n in ("prompts.jsonl", "labels.jsonl", "artifact"))
    write_lines(prompts, _prompts(paired))
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(_pool(name, list(_answers(paired, scores)), folder))
            for name, scores in ((paired.small, paired.weak), (paired.large, paired.strong))
        )
        _command(
            "learn",
            "label",
            prompts,
            "--small",
            small,
            "--large",
            large,
            "--judge",
            "regex",
            "--out",
            labels,
            "--yes",
            "--concurrency",
            "32",
        )
    _command("learn", "fit", labels, "--out", artifact, "--held-out", "0", "--name", track.name)
    public = folder / "public.jsonl"
    write_lines(public, as_labels(read_public(data, track.public), track.public.most))
    for stage in ("stage1", "stage2"):
        config = folder / f"{stage}.yaml"
        second = "true, band: 1.0" if stage == "stage2" else "false"
        config.write_text(f"classifier: {{second_stage: {second}}}\n", encoding="utf-8")
        print(f"== {track.name}, {stage}", flush=True)
        _command(
            "learn",
            "report",
            public,
            "--artifact",
            artifact,
            "--config",
            config,
            "--out",
            folder / f"{stage}.html",
            "--json",
            folder / f"{stage}.json",
        )


def _prompts(paired: PairedRows) -> Iterator[PromptLine]:
    for row in paired.rows:
        yield PromptLine(id=row.id, prompt=row.prompt, task=row.task, pattern=PATTERN)


def _answers(paired: PairedRows, scores: Iterable[float]) -> Iterator[dict[str, Any]]:
    for row, score in zip(paired.rows, scores, strict=True):
        digest = hashlib.sha256(row.prompt.encode()).hexdigest()
        yield {"prompt_sha256": digest, "answer": f"score: {float(score)}"}


@contextmanager
def _pool(name: str, answers: Sequence[dict[str, Any]], folder: Path) -> Iterator[str]:
    """A simulator that gives recorded answers; yields the address of its API."""
    file = folder / f"{name.replace('/', '_')}.answers.jsonl"
    file.write_bytes(b"\n".join(map(msgspec.json.encode, answers)))
    ready = folder / f"{file.stem}.address"
    ready.unlink(missing_ok=True)
    with (folder / f"{file.stem}.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "weighbridge_simulator", "--port", "0", "--ready-file",
             str(ready), "--served-model-name", name, "--answers", str(file), "--speed", "0"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield f"http://{_address(ready, server)}/v1"
        finally:
            server.terminate()
            server.wait(_READY_S)


def _address(ready: Path, server: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + _READY_S
    while not ready.exists():
        if server.poll() is not None or time.monotonic() > end:
            raise LearnError(f"a simulator did not start; its log lies beside {ready}")
        time.sleep(0.1)
    return ready.read_text("utf-8").strip()


def _command(*words: str | Path) -> None:
    status = subprocess.run([sys.executable, "-m", "weighbridge", *map(str, words)], check=False)
    if status.returncode:
        raise LearnError(f"weighbridge {words[0]} {words[1]} ended with {status.returncode}")


if __name__ == "__main__":
    main()

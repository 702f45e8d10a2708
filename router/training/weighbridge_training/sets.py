"""Files of recorded scores in, rows for two named models out.

Training code reads `TRAIN` through `read_train` and nothing else; the public sets have a module of
their own, which only the evaluation may import (a contract test holds it).
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from weighbridge.errors import RecordError
from weighbridge.learn.ranking import Floats
from weighbridge.learn.records import LabelLine

TRAIN: Final = ("llmrouter_train", "mmlupro_train", "mmlu_gold1500")
"""Files below ``train/``, without their ending."""

LLMROUTER_PAIR: Final = ("gemma-2-9b-it", "llama-3.1-nemotron-51b-instruct")
"""The small and the large model of the LLMRouter rows."""


class Row(msgspec.Struct, frozen=True):
    """One prompt with the scores that models got on it; columns not named here are passed over.

    Attributes:
        id: unique within its source.
        prompt: the text of one user message.
        task: name of a kind of prompt.
        question: the prompt without its template, where the source tells.
        scores: model to score, null where it was not asked; empty where there is one pair.
        weak: the small model of the one pair.
        strong: the large model of the one pair.
        score_weak: what `weak` got.
        score_strong: what `strong` got.
    """

    id: str
    prompt: str
    task: str
    question: str = ""
    scores: dict[str, float | None] = {}
    weak: str = ""
    strong: str = ""
    score_weak: float | None = None
    score_strong: float | None = None


class PairedRows(msgspec.Struct, frozen=True, eq=False):
    """Rows of one file with the scores of one pair of models.

    Attributes:
        name: of the set.
        small: name of the weak model.
        large: name of the strong model.
        rows: as read.
        weak: scores of the small model.
        strong: scores of the large model.
    """

    name: str
    small: str
    large: str
    rows: list[Row]
    weak: Floats
    strong: Floats

    @property
    def prompts(self) -> list[str]:
        """The texts, in order."""
        return [row.prompt for row in self.rows]

    @property
    def tasks(self) -> list[str]:
        """The names of the tasks, in order."""
        return [row.task for row in self.rows]


def read_train(data: Path, name: str) -> list[Row]:
    """Read one of the `TRAIN` files.

    Raises:
        RecordError: if there is no such file, or a line of it is no row.
    """
    if name not in TRAIN:
        raise RecordError(f"expected one of {', '.join(TRAIN)}, came {name!r}")
    return read_rows(data / "train" / f"{name}.jsonl.gz")


def read_rows(path: Path) -> list[Row]:
    """Read a gzipped file of rows.

    Raises:
        RecordError: saying how to get the file if it is missing, or which line is at fault.
    """
    return list(_lines(path))


def pair_up(name: str, rows: Sequence[Row], models: tuple[str, str] | None = None) -> PairedRows:
    """Take the scores of two models.

    Args:
        name: for the result.
        rows: at least one.
        models: small and large; None: the one pair that the rows name.

    Raises:
        RecordError: if there are no rows, or one lacks a score.
    """
    if not rows:
        raise RecordError(f"{name}: expected rows, came none")
    small, large = models or (rows[0].weak, rows[0].strong)
    pairs = [_pair(name, row, models) for row in rows]
    weak, strong = np.array(pairs, dtype=np.float64).T
    return PairedRows(name, small, large, list(rows), weak, strong)


def as_labels(paired: PairedRows, most: float = 1.0) -> Iterator[LabelLine]:
    """The rows as `weighbridge learn` wants them; scores are divided by `most`."""
    for row, weak, strong in zip(paired.rows, paired.weak, paired.strong, strict=True):
        yield LabelLine(
            id=row.id,
            score_small=float(weak) / most,
            score_large=float(strong) / most,
            prompt=row.prompt,
            task=row.task,
            small=paired.small,
            large=paired.large,
            grader="recorded",
        )


def _pair(name: str, row: Row, models: tuple[str, str] | None) -> tuple[float, float]:
    if models is None:
        weak, strong = row.score_weak, row.score_strong
    else:
        weak, strong = (row.scores.get(model) for model in models)
    if weak is None or strong is None:
        wanted = " and ".join(models or ("score_weak", "score_strong"))
        raise RecordError(f"{name}: row {row.id!r}: expected scores of {wanted}")
    return weak, strong


def _lines(path: Path) -> Iterator[Row]:
    decode = msgspec.json.Decoder(Row).decode
    number = 0
    try:
        with gzip.open(path) as file:
            for line in file:
                number += 1
                if line.strip():
                    yield decode(line)
    except FileNotFoundError as error:
        raise RecordError(
            f"{path}: there is no such file; name the folder that holds train/ and public/: "
            "make evaluate DATA=FOLDER"
        ) from error
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}:{number}: can't be read: {error}; get the file anew") from error

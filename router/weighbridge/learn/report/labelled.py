"""Labels and artifacts in, scored rows out: each prompt goes the router's own way to its score.

Rows that an artifact was fitted to say nothing of how good it is. Its folder lists their ids in
``rows.json``, and they are left out, told in words.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from weighbridge.errors import LearnError, RecordError
from weighbridge.generation import Generation
from weighbridge.learn.quality import Interval, length_scores
from weighbridge.learn.ranking import Floats
from weighbridge.learn.records import LabelLine
from weighbridge.learn.report.analysis import LearningPoint, Rows
from weighbridge.learn.report.verdict import LENGTH
from weighbridge.scoring import Weighed, weigh_body

FITTED_ROWS: Final = "rows.json"
"""Beside the files of a fitted artifact: the ids of its training rows, as one JSON list."""
LEARNING_CURVE: Final = "learning_curve.json"
"""Likewise: a JSON list of `LearningPoint`."""
FITTED: Final = "fitted"

_LEAST_ROWS: Final = 2
_TIE_BREAK: Final = 1e-6
_RAW_RANGE: Final = 10.0


def fitted_ids(folder: Path) -> frozenset[str]:
    """Ids of the rows that the artifact was fitted to; none for one without `rows.json`.

    Raises:
        RecordError: if the file is there and no list of ids.
    """
    return frozenset(_sidecar(folder / FITTED_ROWS, list[str]) or ())


def learning_points(folder: Path) -> list[LearningPoint]:
    """The learning curve that `learn fit` left with the artifact; empty if there is none.

    Raises:
        RecordError: if the file is there and can't be read.
    """
    points = _sidecar(folder / LEARNING_CURVE, list[_Point]) or []
    return [
        LearningPoint(
            point.labels,
            Interval(
                *(math.nan if end is None else end for end in msgspec.structs.astuple(point.apgr))
            ),
        )
        for point in points
    ]


class _Ends(msgspec.Struct):
    """An `Interval` as JSON has it, where NaN is null."""

    value: float | None
    low: float | None
    high: float | None


class _Point(msgspec.Struct):
    labels: int
    apgr: _Ends


def held_out(
    labels: Iterable[LabelLine], used: Mapping[str, frozenset[str]]
) -> tuple[list[LabelLine], list[str]]:
    """Leave out the rows that any artifact was fitted to.

    Args:
        labels: all of them.
        used: name of each artifact to the ids of its training rows.

    Returns:
        What is left, and a remark per artifact that lost rows.

    Raises:
        LearnError: if fewer than two rows are left.
    """
    every = list(labels)
    seen = frozenset().union(*used.values())
    left = [label for label in every if label.id not in seen]
    remarks = [
        f"{count:,} of {len(every):,} rows left out: the {name} was fitted to them"
        for name, ids in used.items()
        if (count := sum(label.id in ids for label in every))
    ]
    if len(left) < _LEAST_ROWS:
        raise LearnError(
            f"expected labels that nothing was fitted to, came {len(left)} of {len(every)}; "
            "label prompts of their own for the report, or fit with a part held out"
        )
    return left, remarks


def score_labels(
    labels: Sequence[LabelLine], generations: Mapping[str, Generation], name: str
) -> Rows:
    """Score every label by every generation, timing each, with length beside them.

    Raises:
        LearnError: if the labels are of more than one pair of models.
    """
    small, large = _pair(labels)
    scores: dict[str, Floats] = {}
    seconds: dict[str, Floats] = {}
    for title, generation in generations.items():
        weighed = [weigh_body(generation, _body(label)) for label in labels]
        scores[title] = np.array([ranked(one, generation) for one in weighed])
        seconds[title] = np.array([one.seconds for one in weighed])
    scores[LENGTH], seconds[LENGTH] = timed_lengths([asked(label) for label in labels])
    return Rows(
        name=name,
        scores=scores,
        weak=np.array([label.score_small for label in labels]),
        strong=np.array([label.score_large for label in labels]),
        small=small,
        large=large,
        tasks=[label.task or "(no task)" for label in labels] if _any_task(labels) else (),
        seconds=seconds,
    )


def ranked(weighed: Weighed, generation: Generation) -> float:
    """The score; for what was decided without one, 1 if it went to the hard tier, else 0.

    Beyond the ends of the calibration traffic all scores are 0 or 1; there the raw score still
    tells the order, so it has a millionth part in the rank.
    """
    score = weighed.decision.score
    if score is not None:
        raw = weighed.complexity.raw if weighed.complexity else 0.0
        return (1 - _TIE_BREAK) * score + _TIE_BREAK * (math.tanh(raw / _RAW_RANGE) + 1) / 2
    return float(weighed.decision.tier == generation.settings.policy.hard_tier)


def timed_lengths(texts: Sequence[str]) -> tuple[Floats, Floats]:
    """The length of each text, and the seconds it took to tell."""
    seconds = np.empty(len(texts))
    for place, text in enumerate(texts):
        started = time.perf_counter()
        len(text)
        seconds[place] = time.perf_counter() - started
    return length_scores(texts), seconds


def asked(label: LabelLine) -> str:
    """The text of the prompt, or of the last user message."""
    if label.prompt or not label.messages:
        return label.prompt
    turns = [turn for turn in label.messages if turn.get("role") == "user"]
    return "\n".join(_texts((turns or label.messages)[-1].get("content")))


def _texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict) and isinstance(text := part.get("text"), str):
                yield text


def _body(label: LabelLine) -> bytes:
    return msgspec.json.encode({"model": "auto", "messages": label.chat()})


def _pair(labels: Sequence[LabelLine]) -> tuple[str, str]:
    pairs = sorted({(label.small, label.large) for label in labels})
    if len(pairs) > 1:
        shown = "; ".join(f"{small or '?'} and {large or '?'}" for small, large in pairs)
        raise LearnError(
            f"expected labels of one pair of models, came {len(pairs)}: {shown}; "
            "report on each pair by itself"
        )
    small, large = pairs[0]
    return small or "small", large or "large"


def _any_task(labels: Sequence[LabelLine]) -> bool:
    return any(label.task for label in labels)


def _sidecar(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise RecordError(f"{path}: can't be used: {error}; fit the artifact again") from error

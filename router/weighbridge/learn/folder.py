"""Chosen stages in, the folder of an artifact out: whole or not at all.

A router may be told of the folder at any time, so it comes into being under its own name with all
that belongs in it.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors.numpy import save

from weighbridge import __version__
from weighbridge.artifact import Artifact, write_manifest
from weighbridge.calibration import TENSOR, Calibration
from weighbridge.classifier import KIND
from weighbridge.errors import LearnError
from weighbridge.learn.choice import Labelled, Stage
from weighbridge.learn.curve import LearningCurve
from weighbridge.learn.fitting import combine_heads, fit_machine
from weighbridge.learn.records import LabelLine, encode_lines
from weighbridge.learn.report.labelled import FITTED_ROWS, LEARNING_CURVE
from weighbridge.stages import ENCODER, STAGE_1, STAGE_2, VOCABULARY, read_tensors


class Origin(msgspec.Struct, frozen=True, eq=False):
    """What an artifact is made of.

    Attributes:
        base: whose pieces and encoder it takes.
        labels: all that came, those held out too.
        rows: ids of those that it is fitted to.
        pair: the small model and the large one.
        name: of the new artifact.
    """

    base: Artifact
    labels: Sequence[LabelLine]
    rows: list[str]
    pair: tuple[str, str]
    name: str


@contextmanager
def drafted(out: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `out` at the end; whatever is raised leaves nothing behind.

    Raises:
        LearnError: if `out` is there already, or can't be written.
    """
    if out.exists():
        raise LearnError(f"{out}: is there already, and a router may serve from it; name a new one")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=out.parent) as draft:
            folder = Path(draft, "artifact")
            folder.mkdir()
            yield folder
            folder.rename(out)
    except OSError as error:
        raise LearnError(f"{out}: can't be written: {error.strerror or error}") from error


def write_artifact(
    folder: Path, origin: Origin, labelled: Labelled, stages: Sequence[Stage], curve: LearningCurve
) -> None:
    """Fit each stage to all prompts and write it, with all that says where it comes from.

    Args:
        folder: empty.
        origin: see there.
        labelled: what the stages were chosen by.
        stages: one or two.
        curve: of the first.
    """
    contents = _stage_files(origin.base, labelled, stages)
    contents[FITTED_ROWS] = msgspec.json.encode(origin.rows)
    contents[LEARNING_CURVE] = msgspec.json.encode(curve.points)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    write_manifest(folder, kind=KIND, name=origin.name, facts=_facts(origin, stages))


def _stage_files(base: Artifact, labelled: Labelled, stages: Sequence[Stage]) -> dict[str, bytes]:
    table = read_tensors(base, STAGE_1)
    first = _heads(labelled, stages[0], states=False)
    first |= {name: table[name] for name in ("table", "table_step")}
    first[TENSOR] = Calibration.of(stages[0].raws).to_array()
    files = {VOCABULARY: base.contents[VOCABULARY], STAGE_1: save(first)}
    if len(stages) > 1:
        second = _heads(labelled, stages[1], states=True)
        # One calibration serves both, so both must have one middle.
        second["bias"] = second["bias"] + np.median(stages[0].raws) - np.median(stages[1].raws)
        files |= {ENCODER: base.contents[ENCODER], STAGE_2: save(second)}
    return files


def _heads(labelled: Labelled, stage: Stage, *, states: bool) -> dict[str, Any]:
    rows = labelled.material.whole(states=states)
    machine = fit_machine(stage.space, rows, labelled.targets, stage.recipe.ridge)
    return combine_heads(machine, np.array([1.0, stage.share]))


def _facts(origin: Origin, stages: Sequence[Stage]) -> dict[str, Any]:
    small, large = origin.pair
    rows = len(origin.rows)
    choices = {
        f"stage{number}": {
            **msgspec.to_builtins(stage.recipe),
            "share": stage.share,
            "apgr": round(stage.quality, 4),
        }
        for number, stage in enumerate(stages, 1)
    }
    labels = hashlib.sha256(b"".join(encode_lines(origin.labels))).hexdigest()
    return {
        "target": "gain",
        "pair": {"small": small, "large": large},
        "training": {
            "weighbridge": __version__,
            "command": "weighbridge learn fit",
            "seed": stages[0].recipe.seed,
            "rows": rows,
            "data": {"base": origin.base.digest, "labels": labels},
            "choices": choices,
        },
        "calibration": {"source": "the labelled prompts, out of fold", "rows": rows},
        "metrics": {"apgr_out_of_fold": round(stages[0].quality, 4)},
    }

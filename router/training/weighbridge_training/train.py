"""Train the default artifact: `make train`. The same inputs give the same bytes on one machine.

One machine a stage with two heads: the grade of our own cases, and within-task failure of recorded
models. How much the second counts, how wide the kernel is and how strong the ridge are chosen by
cross-validation: cases by random folds, recorded tasks each by the others alone. Stage 1 learns
from stage 2 as well, which grades the recorded prompts for it. Nothing under public/ is read.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from safetensors.numpy import save
from weighbridge import __version__
from weighbridge.artifact import PACKAGED, write_manifest
from weighbridge.calibration import TENSOR, Calibration
from weighbridge.classifier import KIND
from weighbridge.errors import WeighbridgeError
from weighbridge.features import Featurizer
from weighbridge.kernel import Doubles
from weighbridge.learn.fitting import (
    Recipe,
    Space,
    combine_heads,
    fit_machine,
    group_folds,
    make_space,
    out_of_fold,
    random_folds,
    stretch_of,
)
from weighbridge.learn.quality import apgr, separation
from weighbridge.stages import STAGE_1, STAGE_2

from weighbridge_training.graded import EASY, HARD
from weighbridge_training.material import Training, digests, gather, read_base

SEED: Final = 1
FOLDS: Final = 8
STRETCH_1: Final = {"bag": 1.0, "shape": 0.8, "head": 0.8, "tail": 0.8}
STRETCH_2: Final = {"bag": 0.6, "shape": 0.6, "head": 0.4, "tail": 0.4, "states": 1.0}
GAMMAS: Final = (0.3, 0.6)
RIDGES: Final = (0.1, 0.3, 1.0)
SHARES: Final = (0.0, 1.5, 3.0)
"""Grades that a prompt gains if all models failed it which others of its task passed."""
LESSONS: Final = (0.4,)
"""Weights of a recorded prompt beside a case, for stage 1."""
LENGTHS: Final = (0.0, 0.1, 0.2)
"""Grades that a prompt gains for being e times as long."""
LANDMARKS: Final = {1: 768, 2: 1024}
"""By stage. The first runs on the event loop, and its time grows with them."""
_QUANTILES: Final = 4000
_LEAST_ROWS: Final = 100


class Chosen(msgspec.Struct, frozen=True, eq=False):
    """What cross-validation chose for a stage, and its raw scores of the cases out of fold.

    `lesson` is the weight of a recorded prompt beside a case.
    """

    recipe: Recipe
    share: float
    lesson: float
    length: float
    mark: float
    raws: Doubles
    space: Space

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            **msgspec.to_builtins(self.recipe),
            "share": self.share,
            "lesson": self.lesson,
            "length": self.length,
            "mark": round(self.mark, 4),
        }


def main() -> None:
    """Train the default artifact on the graded cases and recorded scores."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds train/")
    parser.add_argument(
        "--base", type=Path, help="folder that `make base` wrote; default: the packaged artifact"
    )
    parser.add_argument("--out", type=Path, default=PACKAGED, help="folder of the artifact")
    options = parser.parse_args()
    try:
        train(options.data, options.base or PACKAGED, options.out)
    except WeighbridgeError as error:
        sys.exit(f"train: {error}")


def train(data: Path, base: Path, out: Path) -> None:
    """Read, choose, fit, write.

    Args:
        data: holds train/.
        base: holds vocabulary.txt, stage2.onnx and a table, as `make base` or an artifact has.
        out: gets the artifact.

    Raises:
        ArtifactError: if the base can't be used.
        RecordError: if the data can't be used.
    """
    ground = read_base(base)
    training = gather(data, ground.featurizer, ground.encoder, SEED)
    second = choose(training, ground.featurizer, STRETCH_2, training.targets(), (1.0,), states=True)
    taught = training.targets(teach(training, second))
    first = choose(training, ground.featurizer, STRETCH_1, taught, LESSONS, states=False)
    grades = training.grades[: training.originals]
    calibration = calibrate(first.raws, grades)
    # Both stages on one scale: half of the hard cases' errors on each side of one threshold.
    shift = calibration.raw(0.5) - calibrate(second.raws, grades).raw(0.5)
    stage1 = _heads(training, first, taught, states=False) | ground.table
    stage1[TENSOR] = calibration.to_array()
    stage2 = _heads(training, second, training.targets(), states=True)
    stage2["bias"] = stage2["bias"] + shift
    out.mkdir(parents=True, exist_ok=True)
    files = ground.files | {STAGE_1: save(stage1), STAGE_2: save(stage2)}
    for name, content in files.items():
        (out / name).write_bytes(content)
    _describe(data, out, training, first, second)
    _say_sizes(out)


def teach(training: Training, second: Chosen) -> Doubles:
    """What stage 2, fitted to the cases alone, gives the recorded prompts as grades."""
    rows = training.rows(states=True)
    machine = fit_machine(second.space, rows, training.targets(), second.recipe.ridge)
    lessons: Doubles = machine.heads_of_all(rows[len(training.grades) :])[:, 0]
    return lessons


def choose(
    training: Training,
    featurizer: Featurizer,
    stretch: dict[str, float],
    targets: Doubles,
    lessons: Sequence[float],
    *,
    states: bool,
) -> Chosen:
    """Try every combination.

    The mark is twice how well hard cases stand above easy ones (AUC), plus the mean APGR of
    recorded pairs whose tasks were not trained on, plus the mean correlation with failure within
    these tasks.
    """
    rows = training.rows(states=states)
    width = training.cases.states.shape[1] if states else 0
    shared = stretch_of(featurizer, width, stretch)
    cases = training.originals
    # A copy is never known when its original is predicted.
    by_case = random_folds(cases, FOLDS, SEED)[training.parents]
    folds = np.concatenate([by_case, FOLDS + group_folds(training.tasks)])
    stage = 2 if states else 1
    best: Chosen | None = None
    for gamma, lesson in itertools.product(GAMMAS, lessons):
        recipe = Recipe(stretch, gamma, 1.0, LANDMARKS[stage], SEED)
        space = make_space(rows, shared, recipe)
        weights = training.weights(lesson)
        tried = out_of_fold(space, rows, targets, RIDGES, folds, weights)
        for (ridge, heads), share, length in itertools.product(
            zip(RIDGES, tried, strict=True), SHARES, LENGTHS
        ):
            raws = heads @ np.array([1.0, share]) + length * training.lengths()
            mark, words = _mark(training, raws)
            what = f"gamma {gamma} lesson {lesson} ridge {ridge} share {share} length {length}"
            print(f"stage {stage}: {what}: {mark:.4f}: {words}", flush=True)
            if best is None or mark > best.mark:
                chosen = msgspec.structs.replace(recipe, ridge=ridge)
                best = Chosen(chosen, share, lesson, length, mark, raws[:cases], space)
    assert best is not None  # noqa: S101 - the grid is not empty
    return best


def _mark(training: Training, raws: Doubles) -> tuple[float, str]:
    cases, number = len(training.grades), training.originals
    grades = training.grades[:number]
    easy, hard = raws[:number][grades <= EASY], raws[:number][grades >= HARD]
    auc = separation(easy.tolist(), hard.tolist())
    leads = [apgr(raws[cases:][gap.rows], gap.outcomes) for gap in training.gaps]
    cut = calibrate(raws[:number], grades).raw(0.5)
    copied = np.arange(cases)[number:]
    hardly = (training.grades[copied] >= HARD) == (raws[copied] >= cut)
    clear = (training.grades[copied] <= EASY) | (training.grades[copied] >= HARD)
    right = float(np.mean(np.concatenate([easy < cut, hard >= cut])))
    within = _within(training, raws[cases:])
    shown = " ".join(f"{lead:.3f}" for lead in leads)
    words = (
        f"cases AUC {auc:.4f} right {right:.4f}, copies {hardly[clear].mean():.4f}; "
        f"APGR {shown}; within tasks {within:.3f}"
    )
    return 2 * auc + float(np.mean(leads)) + within, words


def _within(training: Training, raws: Doubles) -> float:
    """Mean correlation with failure within the larger tasks."""
    tasks = np.array(training.tasks)
    found = []
    for task in np.unique(tasks):
        here = (tasks == task) & ~np.isnan(training.failures)
        if here.sum() >= _LEAST_ROWS:
            found.append(float(np.corrcoef(raws[here], training.failures[here])[0, 1]))
    return float(np.mean(found))


def calibrate(raws: Doubles, grades: Doubles) -> Calibration:
    """Percentiles of traffic of which half is easy and half is hard, as the cases go."""
    places = np.linspace(0, 1, _QUANTILES)
    return Calibration.of(
        np.concatenate(
            [np.quantile(raws[part], places) for part in (grades <= EASY, grades >= HARD)]
        )
    )


def _heads(training: Training, chosen: Chosen, targets: Doubles, *, states: bool) -> dict[str, Any]:
    machine = fit_machine(
        chosen.space,
        training.rows(states=states),
        targets,
        chosen.recipe.ridge,
        training.weights(chosen.lesson),
    )
    tensors = combine_heads(machine, np.array([1.0, chosen.share]))
    return tensors | {"length_weight": np.array([chosen.length])}


def _describe(data: Path, out: Path, training: Training, first: Chosen, second: Chosen) -> None:
    write_manifest(
        out,
        kind=KIND,
        name="default",
        facts={
            "target": "difficulty",
            "training": {
                "weighbridge": __version__,
                "command": "make train",
                "seed": SEED,
                "rows": len(training.grades) + len(training.failures),
                "data": digests(data),
                "choices": {"stage1": first.facts(), "stage2": second.facts()},
            },
            "calibration": {
                "source": "graded cases, out of fold: half easy, half hard",
                "rows": training.originals,
            },
        },
    )


def _say_sizes(out: Path) -> None:
    sizes = {path.name: path.stat().st_size / 1e6 for path in sorted(out.iterdir())}
    print(json.dumps({name: f"{size:.2f} MB" for name, size in sizes.items()}))
    print(f"{out.name}: {sum(sizes.values()):.1f} MB in all")


if __name__ == "__main__":
    main()

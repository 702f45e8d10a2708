"""Labelled prompts in, a stage as cross-validation chose it out.

Two heads are fitted: the gain of asking the large pool, and how hard a prompt is for the small one.
The raw score is the gain, to which the second head may add; how much, how wide the kernel is and
how strong the ridge are tried in all combinations.
"""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import numpy as np

from weighbridge.features import Featurizer
from weighbridge.kernel import Doubles
from weighbridge.learn.fitting import (
    Recipe,
    Space,
    make_space,
    out_of_fold,
    random_folds,
    stretch_of,
)
from weighbridge.learn.quality import Outcomes, apgr
from weighbridge.learn.rows import Material

STRETCH_1: Final = {"bag": 1.0, "shape": 0.3, "head": 0.2}
STRETCH_2: Final = {"bag": 0.6, "shape": 0.2, "states": 1.0}
GAMMAS: Final = (0.5, 1.0, 2.0)
RIDGES: Final = (1.0, 3.0, 10.0, 30.0)
SHARES: Final = (0.0, 0.5)
LANDMARKS: Final = 1024
FOLDS: Final = 5
REPEATS: Final = 2

Say = Callable[[str], None]


class Labelled(msgspec.Struct, frozen=True, eq=False):
    """Prompts as numbers, with what both pools made of them.

    Attributes:
        material: the prompts.
        targets: prompts x 2: gain and difficulty.
        outcomes: of the same prompts.
    """

    material: Material
    targets: Doubles
    outcomes: Outcomes


class Stage(msgspec.Struct, frozen=True, eq=False):
    """One stage as cross-validation chose it.

    Attributes:
        recipe: how it is fitted.
        share: how much the head for difficulty adds to that for gain.
        quality: mean APGR out of fold.
        raws: raw scores out of fold.
        space: where distances are taken.
    """

    recipe: Recipe
    share: float
    quality: float
    raws: Doubles
    space: Space


def choose(
    labelled: Labelled, featurizer: Featurizer, seed: int, say: Say, *, states: bool
) -> Stage:
    """Try every combination; of equals the first.

    Args:
        labelled: what is fitted to.
        featurizer: that made its rows.
        seed: of landmarks and folds.
        say: told how far it is.
        states: choose the second stage, which sees the encoder's states.
    """
    rows = labelled.material.whole(states=states)
    stretch = STRETCH_2 if states else STRETCH_1
    width = labelled.material.states.shape[1] if states else 0
    weights = stretch_of(featurizer, width, stretch)
    best: Stage | None = None
    for gamma in GAMMAS:
        recipe = Recipe(stretch, gamma, RIDGES[0], LANDMARKS, seed)
        for stage in _tried(labelled, make_space(rows, weights, recipe), recipe, states=states):
            if best is None or stage.quality > best.quality:
                best = stage
        assert best is not None  # noqa: S101 - there are ridges and shares
        say(f"stage {2 if states else 1}, width {gamma}: best APGR so far {best.quality:.3f}")
    assert best is not None  # noqa: S101 - there are widths
    return best


def _tried(labelled: Labelled, space: Space, recipe: Recipe, *, states: bool) -> Iterator[Stage]:
    """A stage for each ridge and share."""
    rows = labelled.material.whole(states=states)
    folds = [random_folds(len(rows), FOLDS, recipe.seed + turn) for turn in range(REPEATS)]
    rounds = [out_of_fold(space, rows, labelled.targets, RIDGES, fold) for fold in folds]
    for number, ridge in enumerate(RIDGES):
        for share in SHARES:
            raws = [turn[number] @ np.array([1.0, share]) for turn in rounds]
            quality = float(np.mean([apgr(raw, labelled.outcomes) for raw in raws]))
            chosen = msgspec.structs.replace(recipe, ridge=ridge)
            yield Stage(chosen, share, quality, raws[0], space)

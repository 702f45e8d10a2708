"""Rows of features and targets in, the tensors of a `KernelMachine` out; and its cross-validation.

Regularised least squares on landmarks (the Nystroem approximation of kernel ridge regression). The
landmarks are the centres of a clustering of the rows, so that they lie where prompts lie. All is
deterministic for a seed on one machine.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.features import Featurizer
from weighbridge.kernel import Doubles, Floats, KernelMachine, likenesses

_JITTER: Final = 1e-6
_ROUNDS: Final = 12
"""Rounds of the clustering; the centres hardly move after them."""
_LEAST_SPREAD: Final = 1e-3
STATES: Final = "states"
"""The block that the encoder adds."""

Ints = npt.NDArray[np.int64]


class Recipe(msgspec.Struct, frozen=True):
    """How a machine is fitted.

    Attributes:
        stretch: weight of each block of features in the distance.
        gamma: width of the kernel, per mean squared norm of the rows.
        ridge: strength of the regularisation.
        landmarks: most prompts that a row is compared with.
        seed: of the clustering.
    """

    stretch: dict[str, float]
    gamma: float
    ridge: float
    landmarks: int = 768
    seed: int = 1


class Space(msgspec.Struct, frozen=True):
    """Where distances are taken: scaling fitted to some rows, and landmarks among them."""

    shift: Floats
    scale: Floats
    stretch: Floats
    landmarks: Floats
    gamma: float


def stretch_of(featurizer: Featurizer, states: int, weights: Mapping[str, float]) -> Floats:
    """The stretch of each feature: the weight of its block, shared out over the block.

    Args:
        featurizer: which knows the blocks of stage 1.
        states: width of the encoder's states; 0 for stage 1.
        weights: of each block.
    """
    stretch = np.zeros(featurizer.width + states, np.float32)
    spans = featurizer.spans | ({STATES: slice(featurizer.width, None)} if states else {})
    for name, span in spans.items():
        width = len(stretch[span])
        stretch[span] = weights.get(name, 0.0) / np.sqrt(width)
    return stretch


def make_space(rows: Floats, stretch: Floats, recipe: Recipe) -> Space:
    """Scale to unit spread, and choose the landmarks."""
    shift = rows.mean(axis=0)
    spread = rows.std(axis=0)
    scale = (spread + _LEAST_SPREAD * spread.mean() + 1e-6).astype(np.float32)
    plain = Space(shift, scale, stretch, rows[:0], 1.0)
    ready = _stretched(plain, rows)
    gamma = recipe.gamma / float(np.mean(np.einsum("ij,ij->i", ready, ready)))
    centres = _centres(ready, recipe.landmarks, np.random.default_rng(recipe.seed))
    # As stored: what is measured in training is what will serve.
    return Space(shift, scale, stretch, centres.astype(np.float16).astype(np.float32), gamma)


def fit_machine(
    space: Space,
    rows: Floats,
    targets: Doubles,
    ridge: float,
    weights: Doubles | None = None,
) -> KernelMachine:
    """Fit the heads.

    Args:
        space: from `make_space`.
        rows: prompts x features.
        targets: prompts x heads; NaN where a prompt says nothing about a head.
        ridge: strength of the regularisation.
        weights: of each prompt; None: all alike.
    """
    likeness = likenesses(_stretched(space, rows), space.landmarks, space.gamma)
    ((heads, bias),) = _solve(space, likeness, targets, (ridge,), weights)
    return KernelMachine(_tensors(space, heads, bias))


def out_of_fold(
    space: Space,
    rows: Floats,
    targets: Doubles,
    ridges: Sequence[float],
    folds: Ints,
    weights: Doubles | None = None,
) -> list[Doubles]:
    """Predict each prompt by heads fitted without its fold; one array for each ridge."""
    likeness = likenesses(_stretched(space, rows), space.landmarks, space.gamma)
    found = [np.zeros_like(targets) for _ in ridges]
    for fold in np.unique(folds):
        out = folds == fold
        kept = None if weights is None else weights[~out]
        solved = _solve(space, likeness[~out], targets[~out], ridges, kept)
        for predicted, (heads, bias) in zip(found, solved, strict=True):
            predicted[out] = likeness[out] @ heads + bias
    return found


def random_folds(count: int, folds: int, seed: int) -> Ints:
    """A fold number for each of `count` prompts, evenly shared out."""
    return np.random.default_rng(seed).permutation(count) % folds


def group_folds(groups: Sequence[str]) -> Ints:
    """One fold for each group: nothing of a kind is known when it is predicted."""
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)


def centred(values: Doubles, groups: Sequence[str]) -> Doubles:
    """Values less the mean of their group."""
    numbers = group_folds(groups)
    means = np.bincount(numbers, values) / np.bincount(numbers)
    return values - means[numbers]


def combine_heads(machine: KernelMachine, shares: Doubles) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a machine whose one head is a weighted sum of several."""
    tensors = dict(machine.tensors)
    tensors["weights"] = tensors["weights"] @ shares[:, None]
    tensors["bias"] = np.atleast_1d(tensors["bias"] @ shares)
    return tensors


def _stretched(space: Space, rows: Floats) -> Floats:
    nothing = np.zeros((len(space.landmarks), 1))
    return KernelMachine(_tensors(space, nothing, np.zeros(1))).stretched(rows)


def _tensors(space: Space, weights: Doubles, bias: Doubles) -> dict[str, npt.NDArray[Any]]:
    return {
        "shift": space.shift.astype(np.float32),
        "scale": space.scale.astype(np.float32),
        "stretch": space.stretch.astype(np.float32),
        "landmarks": space.landmarks.astype(np.float16),
        "gamma": np.array([space.gamma], np.float32),
        "weights": weights,
        "bias": bias,
    }


def _solve(
    space: Space,
    likeness: Doubles,
    targets: Doubles,
    ridges: Sequence[float],
    weights: Doubles | None,
) -> list[tuple[Doubles, Doubles]]:
    """Weights and bias of the heads, for each ridge."""
    among = likenesses(space.landmarks, space.landmarks, space.gamma)
    found = [(np.zeros((len(among), targets.shape[1])), np.zeros(targets.shape[1])) for _ in ridges]
    for head in range(targets.shape[1]):
        said = ~np.isnan(targets[:, head])
        share = np.ones(said.sum()) if weights is None else weights[said]
        wanted, known = targets[said, head], likeness[said]
        bias = float(np.average(wanted, weights=share))
        gram = (known * share[:, None]).T @ known
        right = known.T @ (share * (wanted - bias))
        for ridge, (heads, biases) in zip(ridges, found, strict=True):
            left = gram + ridge * among
            left[np.diag_indices_from(left)] += _JITTER * len(known)
            heads[:, head] = np.linalg.solve(left, right)
            biases[head] = bias
    return found


def _centres(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    """Lloyd's clustering; rows themselves where they are few."""
    if len(rows) <= most:
        return rows.copy()
    centres = rows[np.sort(rng.permutation(len(rows))[:most])].copy()
    norms = np.einsum("ij,ij->i", rows, rows)
    for _ in range(_ROUNDS):
        distances = norms[:, None] - 2 * rows @ centres.T + np.einsum("ij,ij->i", centres, centres)
        nearest = distances.argmin(axis=1)
        for number in np.unique(nearest):
            centres[number] = rows[nearest == number].mean(axis=0)
    return centres

"""A row of features in, one number per head out: kernel regression on a few landmarks.

A radial kernel compares the row with prompts that the training chose as landmarks; a head is a
weighted sum of these likenesses. One stage of the classifier is one such machine: its time does not
depend on how many prompts it was fitted to.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from weighbridge.errors import ArtifactError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Shape = tuple[int, ...]

_LIMIT: Final = 6.0
"""Standard deviations to which a feature is cut: a hostile text is far from all landmarks."""
_LEAST: Final = 1e-9
_MOST: Final = 1e9
"""Bounds of what tensors hold; within them nothing overflows."""
_TENSORS: Final = ("shift", "scale", "stretch", "landmarks", "gamma", "weights", "bias")


class KernelMachine:
    """Radial-kernel regression.

    A row is centred by `shift`, divided by `scale`, cut to some standard deviations and stretched
    by `stretch`; the heads are ``exp(-gamma * distance**2) @ weights + bias``.

    Args:
        tensors: shift, scale and stretch, one number a feature; landmarks, landmarks x features,
            stretched already; gamma, one number; weights, landmarks x heads; bias, one a head.

    Raises:
        ArtifactError: for tensors that are missing, don't fit each other or are not finite.
    """

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        _check(tensors)
        self.tensors = {name: tensors[name] for name in _TENSORS}
        self._shift = tensors["shift"].astype(np.float32)
        self._factor = (1 / tensors["scale"].astype(np.float64)).astype(np.float32)
        self._stretch = tensors["stretch"].astype(np.float32)
        self._landmarks = np.ascontiguousarray(tensors["landmarks"].astype(np.float32))
        self._gamma = float(tensors["gamma"].astype(np.float64).item())
        self._twice = (2 * self._gamma * self._landmarks).astype(np.float32)
        self._norms = self._gamma * np.einsum("ij,ij->i", self._landmarks, self._landmarks)
        self._weights = tensors["weights"].astype(np.float64)
        self._bias = tensors["bias"].astype(np.float64)
        self.width = len(self._shift)
        self.average = self._shift
        self.heads = len(self._bias)

    def stretched(self, rows: Floats) -> Floats:
        """Rows in the space where distances are taken."""
        ready: Floats = (rows - self._shift) * self._factor
        np.maximum(ready, -_LIMIT, out=ready)
        np.minimum(ready, _LIMIT, out=ready)
        ready *= self._stretch
        return ready

    def heads_of(self, row: Floats) -> list[float]:
        """The value of each head for one row."""
        ready = self.stretched(row)
        likeness = self._twice @ ready
        likeness -= self._norms
        likeness -= self._gamma * float(ready @ ready)
        np.minimum(likeness, 0, out=likeness)  # rounding may put a distance below 0
        np.exp(likeness, out=likeness)
        values: list[float] = (likeness @ self._weights + self._bias).tolist()
        return values

    def heads_of_all(self, rows: Floats) -> Doubles:
        """The values of the heads, rows x heads."""
        return likenesses(self.stretched(rows), self._landmarks, self._gamma) @ self._weights + (
            self._bias
        )


def likenesses(rows: Floats, landmarks: Floats, gamma: float) -> Doubles:
    """The radial kernel between stretched rows, float64, rows x landmarks."""
    squares = np.einsum("ij,ij->i", rows, rows)[:, None].astype(np.float64)
    others = np.einsum("ij,ij->i", landmarks, landmarks)[None].astype(np.float64)
    distances = np.maximum(squares + others - 2 * (rows @ landmarks.T).astype(np.float64), 0)
    found: Doubles = np.exp(-gamma * distances)
    return found


def _check(tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    missing = [name for name in _TENSORS if name not in tensors]
    if missing:
        raise ArtifactError(f"tensors are missing: {', '.join(missing)}")
    if not _fit(*(tensors[name].shape for name in _TENSORS)):
        shapes = ", ".join(f"{name} {list(tensors[name].shape)}" for name in _TENSORS)
        raise ArtifactError(f"tensors don't fit each other: {shapes}")
    for name in _TENSORS:
        require_finite(name, tensors[name])
    for name in ("scale", "gamma"):
        if (tensors[name].astype(np.float64) < _LEAST).any():
            raise ArtifactError(f"tensor {name}: expected numbers of {_LEAST:g} or more")


def _fit(
    shift: Shape,
    scale: Shape,
    stretch: Shape,
    landmarks: Shape,
    gamma: Shape,
    weights: Shape,
    bias: Shape,
) -> bool:
    one_wide = len(shift) == len(bias) == 1 and shift == scale == stretch
    return (
        one_wide
        and gamma == (1,)
        and bias[0] > 0
        and len(weights) == len(landmarks)
        and weights == (landmarks[0], *bias)
        and landmarks[1:] == shift
    )


def require_finite(name: str, tensor: npt.NDArray[Any]) -> None:
    """Refuse what is no floating-point number, or too large to reckon with.

    Raises:
        ArtifactError: naming the tensor.
    """
    if tensor.dtype.kind != "f" or not (np.abs(tensor.astype(np.float64)) <= _MOST).all():
        raise ArtifactError(f"tensor {name}: expected floating-point numbers up to {_MOST:g}")

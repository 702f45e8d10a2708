"""Labels of a pair of pools: the small one fails at proofs, whatever their length."""

from collections.abc import Iterator
from contextlib import contextmanager
from string import ascii_lowercase

import numpy as np
import pytest
from weighbridge.learn import choice
from weighbridge.learn.records import LabelLine

FEW = {"GAMMAS": (1.0,), "RIDGES": (1.0, 10.0), "REPEATS": 1, "FOLDS": 3, "LANDMARKS": 40}
"""Combinations enough to choose among; all of them take seconds."""


@contextmanager
def few_combinations() -> Iterator[None]:
    """Every fit in here tries a few combinations alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in FEW.items():
            patch.setattr(choice, name, value)
        yield


def text(rng, *, hard):
    """Made-up words, a few or many, with "prove" or "what" among them."""
    words = ["".join(rng.choice(list(ascii_lowercase), 4)) for _ in range(rng.integers(3, 30))]
    words.insert(int(rng.integers(0, 3)), "prove" if hard else "what")
    return " ".join(words)


def labels(count=120, seed=1, *, noise=0.05, **fields):
    """Half of them hard; some of those that are not fail as well."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        hard = bool(rng.random() < 0.5)
        failed = hard != bool(rng.random() < noise)
        scores = {"score_small": float(not failed), "score_large": 1.0}
        named = {"small": "tiny", "large": "huge"}
        prompt = text(rng, hard=hard)
        made.append(LabelLine(f"{seed}/{number}", **scores, prompt=prompt, **named, **fields))
    return made

"""Rows and analyses for the tests of reports; small, seeded, and of known order."""

import numpy as np
from weighbridge.learn.report.analysis import Rows, analyse


def rows(count=120, *, name="some set", skill=1.0, extra=None, tasks=True, seed=1):
    """Rows whose first score knows the gain as well as `skill` says; length knows nothing."""
    rng = np.random.default_rng(seed)
    gain = rng.choice([0.0, 1.0], count, p=[0.6, 0.4])
    known = np.clip(skill * gain * 0.6 + rng.random(count) * (1 - skill * 0.6), 0, 1)
    scores = {"fitted": known, "length": rng.integers(5, 500, count).astype(float)}
    scores |= {title: score(known, rng) for title, score in (extra or {}).items()}
    return Rows(
        name,
        scores,
        np.zeros(count),
        gain,
        small="tiny",
        large="huge",
        tasks=[("a", "b", "c")[place % 3] for place in range(count)] if tasks else (),
        seconds={"fitted": np.full(count, 50e-6), "length": np.full(count, 1e-7)},
    )


def analysis(**options):
    return analyse(rows(**options))


def no_gap():
    return analyse(Rows("flat", {"fitted": np.array([0.1, 0.2])}, np.ones(2), np.ones(2)))

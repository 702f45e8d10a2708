"""A classifier that no training changes: a prompt with the word "prove" is hard."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from weighbridge import generation
from weighbridge.calibration import Calibration
from weighbridge.classifier import Complexity, Explanation


class StandIn:
    name = "stand-in"
    calibration = Calibration([0.0, 1.0])
    has_second_stage = False

    def weigh(self, prompt):
        hard = "prove" in prompt.ask.text.lower()
        # A little more for longer ones, so that not all scores are the same.
        return Complexity(0.1 + 0.8 * hard + min(len(prompt.ask.text), 99) / 1000, stage="stand-in")

    def explain(self, ask):
        return Explanation(len(ask.text.split()), {"size": float(ask.size)})


@contextmanager
def standing_in() -> Iterator[None]:
    """Every generation loaded in here weighs with the stand-in, whatever its artifact holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "make_classifier", lambda *_, **__: StandIn())
        yield

"""Who asks, when, and for how much: a closed loop of users who read, think and ask again.

Lengths are lognormal, as those of recorded conversations roughly are. How many users there are
follows a curve: each has an hour in which he comes and one in which he goes.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from weighbridge_experiments.clock import Clock
from weighbridge_experiments.request import Request

CONTEXT: Final = 4096
"""Prompt and answer are cut to this many tokens together."""


@dataclass(frozen=True)
class Lengths:
    """Lognormal lengths in tokens; assumptions, of the size that chats with assistants have.

    Attributes:
        prompt: mean of prompts, what was said before included.
        answer: mean of answers.
        spread: standard deviation of the logarithm, of both.
    """

    prompt: float = 160.0
    answer: float = 340.0
    spread: float = 1.0

    def draw(self, dice: random.Random, tier: str = "") -> Request:
        """A request with lengths from these."""
        prompt = min(self._length(dice, self.prompt), CONTEXT // 2)
        answer = min(self._length(dice, self.answer), CONTEXT - prompt)
        return Request(prompt=prompt, answer=answer, tier=tier)

    @property
    def typical_tokens(self) -> float:
        """Tokens that a running request holds: long answers run longer, and so count more."""
        return self.prompt + self.answer * math.exp(self.spread**2) / 2

    def _length(self, dice: random.Random, mean: float) -> int:
        centre = math.log(mean) - self.spread**2 / 2
        return max(1, round(dice.lognormvariate(centre, self.spread)))


LENGTHS: Final = Lengths()


@dataclass(frozen=True)
class Crowd:
    """Users in the course of time: from `low` up to `high` and back, once, smoothly.

    Attributes:
        low: users at the start and at the end.
        high: users half way.
        seconds: from start to end.
        think_s: mean seconds from an answer's end to the next question, exponential.
    """

    low: int = 250
    high: int = 5000
    seconds: float = 3 * 3600.0
    think_s: float = 300.0

    def users(self, now: float) -> float:
        """How many there are at a moment."""
        return self.low + (self.high - self.low) * math.sin(math.pi * now / self.seconds) ** 2

    def stay(self, number: int) -> tuple[float, float]:
        """When the user of that number comes and goes, in seconds."""
        if number < self.low:
            return 0.0, self.seconds
        part = math.sqrt((number - self.low) / (self.high - self.low))
        comes = math.asin(part) * self.seconds / math.pi
        return comes, self.seconds - comes


CROWD: Final = Crowd()


class User:
    """One user, with dice of his own: another's fate does not change what he asks.

    Args:
        clock: of the simulation.
        dice: his.
        think_s: mean seconds of thought before each question.
        leaves_at: when he asks no more.
        ask: called with his dice for each question; who has the answer calls `answered`.
    """

    def __init__(
        self,
        clock: Clock,
        dice: random.Random,
        think_s: float,
        leaves_at: float,
        ask: Callable[["User"], None],
    ) -> None:
        self._clock = clock
        self.dice = dice
        self._think_s = think_s
        self._leaves_at = leaves_at
        self._ask = ask

    def think(self) -> None:
        """Think, and then ask, unless it is time to go."""
        when = self._clock.now + self.dice.expovariate(1 / self._think_s)
        if when < self._leaves_at:
            self._clock.at(when, lambda: self._ask(self))

"""How good two answers are: a prompt and both answers in; two scores and what they rest on out."""

from typing import Any, Protocol

import msgspec

from weighbridge.learn.records import PromptLine


class UngradedError(Exception):
    """The answers can't be told apart by this grader; the text says why."""


class Grade(msgspec.Struct, frozen=True):
    """Two scores, 0 to 1.

    Attributes:
        small: of the small pool's answer.
        large: of the large pool's.
        evidence: what they rest on.
    """

    small: float
    large: float
    evidence: dict[str, Any]


class Grader(Protocol):
    """Scores answers."""

    async def grade(self, prompt: PromptLine, small: str, large: str) -> Grade:
        """Score both answers to one prompt.

        Raises:
            UngradedError: no score can be given.
        """
        ...


class Mark(msgspec.Struct, frozen=True):
    """The score of one answer, and what it rests on."""

    score: float
    evidence: dict[str, Any]


class Verifier(Protocol):
    """Scores one answer on its own."""

    async def mark(self, prompt: PromptLine, answer: str) -> Mark:
        """Score one answer.

        Raises:
            UngradedError: no score can be given.
        """
        ...


class VerifierGrader:
    """Grades both answers by a verifier, each on its own."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    async def grade(self, prompt: PromptLine, small: str, large: str) -> Grade:
        """Score both answers to one prompt."""
        first = await self._verifier.mark(prompt, small)
        second = await self._verifier.mark(prompt, large)
        evidence = {"small": first.evidence, "large": second.evidence}
        return Grade(first.score, second.score, evidence)

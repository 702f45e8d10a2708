"""Scores an answer by the prompt's pattern: found is 1, not found is 0.

A group named ``score`` gives the score itself, a number from 0 to 1: so recorded scores are
replayed, and so a checker that prints a score can stand in for a pool.
"""

import re

from weighbridge.learn.label.graders import Mark, UngradedError
from weighbridge.learn.records import PromptLine

GROUP = "score"
_SEARCHED_CHARS = 65_536
"""Of the answer's end, where results stand: a bound for patterns that are slow on long texts."""
_SHOWN_CHARS = 200


class RegexVerifier:
    """Searches the answer for the prompt's `pattern`."""

    async def mark(self, prompt: PromptLine, answer: str) -> Mark:
        """Score one answer.

        Raises:
            UngradedError: the pattern gives a score, and the answer holds none from 0 to 1.
        """
        pattern = re.compile(prompt.pattern)
        match = pattern.search(answer[-_SEARCHED_CHARS:])
        found = match.group()[:_SHOWN_CHARS] if match else None
        if GROUP not in pattern.groupindex:
            return Mark(float(match is not None), {"found": found})
        score = _number(match.group(GROUP) if match else None)
        if score is None:
            raise UngradedError(f"expected a score from 0 to 1 where the pattern looks: {found!r}")
        return Mark(score, {"found": found})


def _number(text: str | None) -> float | None:
    try:
        score = float(text or "")
    except ValueError:
        return None
    return score if 0 <= score <= 1 else None

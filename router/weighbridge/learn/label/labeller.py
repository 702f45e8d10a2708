"""One prompt's way to its label: the prompt in; both answers, graded, with all evidence, out."""

from typing import Any

from weighbridge.learn.label.desk import Desk
from weighbridge.learn.label.graders import Grader
from weighbridge.learn.label.graders.judge import Ask, Message
from weighbridge.learn.label.journal import Key, Paid
from weighbridge.learn.label.options import Method, Role
from weighbridge.learn.records import LabelLine, PromptLine

EVIDENCE_CHARS = 8000
"""Of an answer, in a label; the journal keeps the whole."""


class Labeller:
    """Makes labels.

    Args:
        desk: gives the answers.
        grader: scores them.
        method: its name.
        models: the names of those that answer.
    """

    def __init__(self, desk: Desk, grader: Grader, method: Method, models: dict[Role, str]) -> None:
        self._desk = desk
        self._grader = grader
        self._method = method
        self._models = models

    async def label(self, prompt: PromptLine) -> LabelLine:
        """Have one prompt answered and graded.

        One pool after the other: where the first can't answer, the second costs nothing.

        Raises:
            HaltedError: an answer is missing and nothing more is bought.
            SetAsideError: an answer can't be had.
            UngradedError: the answers can't be scored.
        """
        small = await self._desk.answer(Key(prompt.id, Role.SMALL), prompt.chat())
        large = await self._desk.answer(Key(prompt.id, Role.LARGE), prompt.chat())
        grade = await self._grader.grade(prompt, small.text, large.text)
        return LabelLine(
            id=prompt.id,
            score_small=grade.small,
            score_large=grade.large,
            prompt=prompt.prompt,
            messages=prompt.messages,
            task=prompt.task,
            small=self._models[Role.SMALL],
            large=self._models[Role.LARGE],
            grader=self._method,
            evidence={
                "small": _evidence(small),
                "large": _evidence(large),
                self._method.value: grade.evidence,
            },
        )


def judge_through(desk: Desk) -> Ask:
    """Make the `Ask` of a judge that is asked at `desk`."""

    async def ask(prompt: PromptLine, step: str, messages: list[Message]) -> str:
        paid = await desk.answer(Key(prompt.id, Role.JUDGE, step), messages)
        return paid.text

    return ask


def _evidence(paid: Paid) -> dict[str, Any]:
    told = {
        "answer": paid.text[:EVIDENCE_CHARS],
        "finish": paid.finish,
        "model": paid.model,
        "tokens_in": paid.tokens.input,
        "tokens_out": paid.tokens.output,
        "seconds": paid.seconds,
    }
    if len(paid.text) > EVIDENCE_CHARS:
        told["answer_chars"] = len(paid.text)
    if not paid.counted:
        told["tokens_estimated"] = True
    return told

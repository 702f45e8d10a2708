"""What is answered: a prompt in, the pieces of an answer and the reason for its end out.

Answers are cut from a `Corpus`, or come from a file of recorded ones: JSON lines of the form
``{"prompt": "...", "answer": "..."}`` or ``{"prompt_sha256": "<hex>", "answer": "..."}``, where the
prompt is the newest text of the user.
"""

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from weighbridge_simulator.calls import Call
from weighbridge_simulator.prompts import Prompt
from weighbridge_simulator.tokens import Corpus, split_text

Finish = Literal["stop", "length"]


class Answer(msgspec.Struct, frozen=True):
    """One answer: its tokens as text, joined they are the whole, and why there are no more."""

    pieces: list[str]
    finish: Finish


class _Record(msgspec.Struct):
    answer: str
    prompt: str | None = None
    prompt_sha256: str | None = None


def read_recorded(path: Path) -> dict[str, str]:
    """Recorded answers by the SHA-256 of their prompt.

    Raises:
        ValueError: for a line that is no such record; the message has its number.
    """
    recorded = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            record = msgspec.json.decode(line, type=_Record)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        if record.prompt is None and record.prompt_sha256 is None:
            raise ValueError(f"{path}, line {number}: expected prompt or prompt_sha256")
        key = record.prompt_sha256 or _sha256(record.prompt or "")
        recorded[key.lower()] = record.answer
    return recorded


class Answerer:
    """Makes the same answer for the same prompt, seed and index.

    Args:
        seed: of the process.
        mean_tokens: mean length of an answer that is neither recorded nor limited.
        recorded: answers by SHA-256 of the question.
    """

    def __init__(self, seed: int, mean_tokens: int, recorded: dict[str, str]) -> None:
        self._seed = seed
        self._mean_tokens = mean_tokens
        self._recorded = recorded
        self._corpus = Corpus(seed)

    def answer(self, call: Call, prompt: Prompt, index: int, limit: int) -> Answer:
        """Answer `prompt` in at most `limit` tokens; `index` tells a call's n answers apart."""
        text = self._recorded.get(_sha256(prompt.question)) if self._recorded else None
        pieces = split_text(text) if text is not None else self._make(call, prompt, index, limit)
        finish: Finish = "stop"
        if len(pieces) >= limit and (text is None or len(pieces) > limit):
            pieces, finish = pieces[:limit], "length"
        return (
            _until_stop(Answer(pieces, finish), call.stop) if call.stop else Answer(pieces, finish)
        )

    def _make(self, call: Call, prompt: Prompt, index: int, limit: int) -> list[str]:
        salt = f"{self._seed}/{call.seed}/{index}".encode()
        digest = hashlib.blake2b(prompt.content, key=salt[:64], digest_size=16).digest()
        start = int.from_bytes(digest[:8], "little")
        if call.ignore_eos:
            return self._corpus.cut(start, limit)
        chance = int.from_bytes(digest[8:], "little") / 2**64
        length = max(call.min_tokens, self._length(chance))
        return self._corpus.cut(start, min(length, limit))

    def _length(self, chance: float) -> int:
        # Exponential: many short answers and a long tail, as in recorded traffic.
        return 1 + round(-math.log1p(-chance) * (self._mean_tokens - 1))


def _until_stop(answer: Answer, stops: Iterable[str]) -> Answer:
    text = "".join(answer.pieces)
    found = [at for stop in stops if (at := text.find(stop)) >= 0]
    if not found:
        return answer
    kept = text[: min(found)]
    pieces = []
    for piece in answer.pieces:
        if not kept:
            break
        pieces.append(kept[: len(piece)])
        kept = kept[len(piece) :]
    return Answer(pieces or [""], "stop")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()

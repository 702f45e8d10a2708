"""Answers of /v1/chat/completions and /v1/completions, whole or streamed, and /v1/embeddings."""

import random
from collections.abc import Sequence
from typing import Any

import orjson

from weighbridge_simulator.answers import Finish
from weighbridge_simulator.shapes import SLOT, Frame, Header, Output, Usage, event

_DONE = b"data: [DONE]\n\n"


class CompletionReply:
    """POST /v1/completions.

    Args:
        header: of the request.
    """

    _whole_head = ("cmpl", "text_completion")
    _chunk_head = ("cmpl", "text_completion")

    def __init__(self, header: Header) -> None:
        self._header = header
        self._frames: dict[int, Frame] = {}

    def whole(self, outputs: Sequence[Output], usage: Usage | None) -> bytes:
        """One JSON object with all answers."""
        choices = [
            self._choice(index, output.text, output.finish) for index, output in enumerate(outputs)
        ]
        return orjson.dumps(self._object(self._whole_head, choices, usage))

    def opening(self, usage: Usage | None) -> bytes:  # noqa: ARG002  # told at the end only
        """Nothing: the first token opens the stream."""
        return b""

    def delta(self, index: int, text: str, finish: Finish | None) -> bytes:
        """One chunk."""
        if finish is not None:
            return self._chunk(self._part(index, text, finish))
        frame = self._frames.get(index)
        if frame is None:
            frame = self._frames[index] = Frame(self._chunk(self._part(index, SLOT, None)))
        return frame.fill(text)

    def closing(self, usage: Usage | None) -> bytes:
        """The usage, if it was asked for, and the mark of the end."""
        if not self._header.include_usage:
            return _DONE
        return event(self._object(self._chunk_head, [], usage)) + _DONE

    def _choice(self, index: int, text: str, finish: Finish | None) -> dict[str, Any]:
        return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}

    def _part(self, index: int, text: str, finish: Finish | None) -> dict[str, Any]:
        return self._choice(index, text, finish)

    def _chunk(self, choice: dict[str, Any]) -> bytes:
        return event(self._object(self._chunk_head, [choice], None))

    def _object(
        self, head: tuple[str, str], choices: list[dict[str, Any]], usage: Usage | None
    ) -> dict[str, Any]:
        prefix, kind = head
        return {
            "id": f"{prefix}-{self._header.id}",
            "object": kind,
            "created": self._header.created,
            "model": self._header.model,
            "choices": choices,
        } | _told(usage)


class ChatReply(CompletionReply):
    """POST /v1/chat/completions.

    Args:
        header: of the request.
    """

    _whole_head = ("chatcmpl", "chat.completion")
    _chunk_head = ("chatcmpl", "chat.completion.chunk")

    def opening(self, usage: Usage | None) -> bytes:  # noqa: ARG002  # told at the end only
        """One chunk per answer that says whose turn it is."""
        turn = {"role": "assistant", "content": ""}
        return b"".join(
            self._chunk({"index": index, "delta": turn, "logprobs": None, "finish_reason": None})
            for index in range(self._header.choices)
        )

    def _choice(self, index: int, text: str, finish: Finish | None) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}

    def _part(self, index: int, text: str, finish: Finish | None) -> dict[str, Any]:
        delta = {"content": text}
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}


def embeddings_body(
    header: Header, keys: Sequence[int], dimensions: int, usage: Usage | None
) -> bytes:
    """The answer of /v1/embeddings: a vector of length 1 for each key, always the same one."""
    data = [
        {"object": "embedding", "index": index, "embedding": _unit_vector(key, dimensions)}
        for index, key in enumerate(keys)
    ]
    body = {
        "id": f"embd-{header.id}",
        "object": "list",
        "created": header.created,
        "model": header.model,
        "data": data,
    }
    return orjson.dumps(body | _told(usage))


def _unit_vector(key: int, dimensions: int) -> list[float]:
    gauss = random.Random(key).gauss  # noqa: S311  # a vector, not a secret
    values = [gauss(0.0, 1.0) for _ in range(dimensions)]
    length = sum(value * value for value in values) ** 0.5
    return [value / length for value in values]


def _told(usage: Usage | None) -> dict[str, dict[str, int]]:
    if usage is None:
        return {}
    return {
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "total_tokens": usage.total_tokens,
            "completion_tokens": usage.completion_tokens,
        }
    }

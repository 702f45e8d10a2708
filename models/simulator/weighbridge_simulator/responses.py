"""Answers of /v1/responses: one output item with one text part, whole or as its event stream."""

from collections.abc import Sequence
from typing import Any

import orjson

from weighbridge_simulator.answers import Finish
from weighbridge_simulator.shapes import Header, Output, Usage, named_event


class ResponsesReply:
    """POST /v1/responses.

    Args:
        header: of the request.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self._number = -1
        self._texts: list[str] = []
        self._finish: Finish = "stop"
        self._place = {"item_id": f"msg_{header.id}", "output_index": 0, "content_index": 0}

    def whole(self, outputs: Sequence[Output], usage: Usage | None) -> bytes:
        """A `response` object."""
        output = outputs[0]
        return orjson.dumps(self._response([self._item(output.text)], output.finish, usage))

    def opening(self, usage: Usage | None) -> bytes:  # noqa: ARG002  # told at the end only
        """The response, its item and its part come into being."""
        response = self._response([], None, None)
        item = {**self._item(""), "status": "in_progress", "content": []}
        return b"".join(
            (
                self._event("response.created", response=response),
                self._event("response.in_progress", response=response),
                self._event("response.output_item.added", output_index=0, item=item),
                self._event("response.content_part.added", **self._place, part=_part("")),
            )
        )

    def delta(self, index: int, text: str, finish: Finish | None) -> bytes:  # noqa: ARG002
        """One event; there is but one answer."""
        self._texts.append(text)
        self._finish = finish or self._finish
        return self._event("response.output_text.delta", **self._place, delta=text, logprobs=[])

    def closing(self, usage: Usage | None) -> bytes:
        """Part, item and response are done."""
        text = "".join(self._texts)
        item = self._item(text)
        response = self._response([item], self._finish, usage)
        ended = "response.completed" if self._finish == "stop" else "response.incomplete"
        return b"".join(
            (
                self._event("response.output_text.done", **self._place, text=text, logprobs=[]),
                self._event("response.content_part.done", **self._place, part=_part(text)),
                self._event("response.output_item.done", output_index=0, item=item),
                self._event(ended, response=response),
            )
        )

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return named_event({"type": kind, "sequence_number": self._number, **fields})

    def _item(self, text: str) -> dict[str, Any]:
        return {
            "id": self._place["item_id"],
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [_part(text)],
        }

    def _response(
        self, items: list[dict[str, Any]], finish: Finish | None, usage: Usage | None
    ) -> dict[str, Any]:
        """The response so far; `finish` is None while it runs."""
        status = {None: "in_progress", "stop": "completed", "length": "incomplete"}[finish]
        return {
            "id": f"resp_{self._header.id}",
            "object": "response",
            "created_at": self._header.created,
            "status": status,
            "model": self._header.model,
            "output": items,
            "incomplete_details": {"reason": "max_output_tokens"} if finish == "length" else None,
            "instructions": None,
            "error": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "temperature": 1.0,
            "top_p": 1.0,
            "usage": _told(usage),
        }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": None}


def _told(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.total_tokens,
    }

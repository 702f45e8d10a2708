"""Answers of /v1/messages, Anthropic's shape: one text block, whole or as its event stream."""

from collections.abc import Sequence
from typing import Any

import orjson

from weighbridge_simulator.answers import Finish
from weighbridge_simulator.shapes import SLOT, Frame, Header, Output, Usage, named_event

_STOP_REASONS: dict[Finish, str] = {"stop": "end_turn", "length": "max_tokens"}


class MessagesReply:
    """POST /v1/messages.

    Args:
        header: of the request.
    """

    def __init__(self, header: Header) -> None:
        self._header = header
        self._finish: Finish = "stop"
        self._frame = Frame(
            named_event(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": SLOT},
                }
            )
        )

    def whole(self, outputs: Sequence[Output], usage: Usage | None) -> bytes:
        """A `message` object."""
        output = outputs[0]
        blocks = [{"type": "text", "text": output.text}]
        return orjson.dumps(self._message(blocks, output.finish, usage))

    def opening(self, usage: Usage | None) -> bytes:
        """The message and its block come into being."""
        return b"".join(
            (
                named_event({"type": "message_start", "message": self._message([], None, usage)}),
                named_event(
                    {
                        "type": "content_block_start",
                        "index": 0,
                        "content_block": {"type": "text", "text": ""},
                    }
                ),
            )
        )

    def delta(self, index: int, text: str, finish: Finish | None) -> bytes:  # noqa: ARG002
        """One event; there is but one answer."""
        self._finish = finish or self._finish
        return self._frame.fill(text)

    def closing(self, usage: Usage | None) -> bytes:
        """The block and the message are done."""
        ending = {"stop_reason": _STOP_REASONS[self._finish], "stop_sequence": None}
        return b"".join(
            (
                named_event({"type": "content_block_stop", "index": 0}),
                named_event({"type": "message_delta", "delta": ending} | _told(usage)),
                named_event({"type": "message_stop"}),
            )
        )

    def _message(
        self, blocks: list[dict[str, Any]], finish: Finish | None, usage: Usage | None
    ) -> dict[str, Any]:
        return {
            "id": f"msg_{self._header.id}",
            "type": "message",
            "role": "assistant",
            "content": blocks,
            "model": self._header.model,
            "stop_reason": _STOP_REASONS[finish] if finish else None,
            "stop_sequence": None,
        } | _told(usage)


def _told(usage: Usage | None) -> dict[str, dict[str, int]]:
    if usage is None:
        return {}
    told = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    return {"usage": told}

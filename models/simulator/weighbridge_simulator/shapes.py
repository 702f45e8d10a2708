"""What every API shape has to render, and what the renderers share.

A renderer is made per request: whole answers in, bytes out; or pieces of them in, server-sent
events out.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import orjson

from weighbridge_simulator.answers import Finish

SLOT = "\x00"
"""Marks the place of a token's text in an event; no answer holds it."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens of a request, as told to the client."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens


class Output(msgspec.Struct, frozen=True):
    """One whole answer."""

    text: str
    finish: Finish


class Header(msgspec.Struct, frozen=True):
    """What stands in every answer and every chunk.

    Attributes:
        id: the request's, without the prefix that each shape has.
        created: Unix time in seconds.
        model: the name that answers.
        choices: number of answers.
        include_usage: a stream was asked to end in its usage.
    """

    id: str
    created: int
    model: str
    choices: int = 1
    include_usage: bool = False


class Reply(Protocol):
    """Renders the answers to one request. A usage of None stands for one that is kept back."""

    def whole(self, outputs: Sequence[Output], usage: Usage | None) -> bytes:
        """The body of an answer that is not streamed."""
        ...

    def opening(self, usage: Usage | None) -> bytes:
        """Events before the first token; `usage` knows the prompt only."""
        ...

    def delta(self, index: int, text: str, finish: Finish | None) -> bytes:
        """Events for more text of answer `index`; `finish` comes with its last."""
        ...

    def closing(self, usage: Usage | None) -> bytes:
        """Events after the last token of all."""
        ...


class Frame:
    """An event rendered once, to be filled with the text of each token: one small JSON string.

    Args:
        rendered: the event with `SLOT` in the text's place.
    """

    __slots__ = ("_after", "_before")

    def __init__(self, rendered: bytes) -> None:
        self._before, _, self._after = rendered.partition(orjson.dumps(SLOT))

    def fill(self, text: str) -> bytes:
        """The event with `text` in place."""
        return b"".join((self._before, orjson.dumps(text), self._after))


def event(data: Any) -> bytes:
    """One server-sent event without a name."""
    return b"data: %b\n\n" % orjson.dumps(data)


def named_event(data: dict[str, Any]) -> bytes:
    """One server-sent event named by its type."""
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), orjson.dumps(data))

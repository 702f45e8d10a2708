"""A request body in, its words out: who said what, as messages of role and text.

The transcript ends with the newest words of the user. What tools said is left out, and so are the
model's calls of them; turns of one speaker that then stand together become one. Unlike `prompt`,
which reads excerpts for weighing, it decodes every word: keep it off the event loop.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from weighbridge.contract import Endpoint
from weighbridge.errors import BodyUnparsedError
from weighbridge.excerpt import excerpt
from weighbridge.prompt import parse_body
from weighbridge.shapes import ABSENT, Body, Speaker, decode_list, is_string, turns_of

_ROLES = {Speaker.USER: "user", Speaker.ASSISTANT: "assistant", Speaker.SYSTEM: "system"}


class Message(msgspec.Struct, frozen=True, gc=False):
    """What one speaker said. `role` is system, user or assistant."""

    role: str
    content: str


class Transcript(msgspec.Struct, frozen=True):
    """The words of a conversation.

    Attributes:
        messages: the last one is the user's; empty where no user said a word.
        has_media: whether images or audio belong to it, without which words may mean nothing.
    """

    messages: tuple[Message, ...] = ()
    has_media: bool = False


class _TextBlock(msgspec.Struct, gc=False):
    text: str = ""


_decode_blocks = msgspec.json.Decoder(list[_TextBlock]).decode


def read_transcript(body: bytes, endpoint: Endpoint) -> Transcript:
    """Read all words of a request body of one of the known API shapes.

    Args:
        body: the JSON document, already decompressed.
        endpoint: which shape to expect; embeddings have no transcript.

    Raises:
        BodyUnparsedError: if it is not JSON, or not of that shape.
    """
    try:
        parsed, _ = parse_body(body)
        if endpoint is Endpoint.COMPLETIONS:
            return Transcript(_as_user(memoryview(parsed.prompt)))
        given = memoryview(parsed.input)
        if endpoint is Endpoint.RESPONSES and is_string(given):
            return Transcript((*_instructions(parsed), *_as_user(given)))
        return _conversation(parsed)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BodyUnparsedError(f"expected a {endpoint} request: {type(error).__name__}") from error


def _as_user(view: memoryview) -> tuple[Message, ...]:
    """A prompt that is a string, or a list with one string; a batch of prompts is none."""
    if view and view[0] == ord("["):
        items = decode_list(view)
        view = items[0] if len(items) == 1 else memoryview(b"")
    text = _decoded(view) if is_string(view) else ""
    return (Message("user", text),) if text.strip() else ()


def _conversation(body: Body) -> Transcript:
    turns = turns_of(body)
    said = [
        Message(_ROLES[turn.speaker], text)
        for turn in turns
        if turn.speaker in _ROLES and (text := "\n".join(map(_decoded, turn.texts))).strip()
    ]
    while said and said[-1].role != "user":
        said.pop()
    return Transcript(
        messages=tuple(_joined([*_instructions(body), *said])) if said else (),
        has_media=any(turn.images or turn.audio for turn in turns),
    )


def _instructions(body: Body) -> Iterator[Message]:
    """The system text that stands beside the messages; Anthropic's may be a list of blocks."""
    for raw in (body.system, body.instructions):
        if raw is ABSENT:
            continue
        view = memoryview(raw)
        if is_string(view):
            yield Message("system", _decoded(view))
        elif view and view[0] == ord("["):
            yield Message("system", "\n".join(block.text for block in _decode_blocks(view)))


def _joined(messages: Iterable[Message]) -> Iterator[Message]:
    for role, together in groupby(messages, key=lambda message: message.role):
        yield Message(role, "\n\n".join(message.content for message in together))


def _decoded(literal: memoryview) -> str:
    return excerpt(literal, len(literal))

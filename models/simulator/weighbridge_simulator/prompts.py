"""The prompts in a request: conversations, texts and token ids in, a flat `Prompt` each out."""

import zlib
from array import array
from collections.abc import Iterable

import msgspec

from weighbridge_simulator.errors import ApiError
from weighbridge_simulator.tokens import count_tokens

MEDIA_TOKENS = 256
"""Tokens for an image or a sound, whatever its size: what Gemma 3 makes of an image."""
ABSENT = msgspec.Raw()
"""A field that was not given, where its bytes are all that matters."""


class Prompt(msgspec.Struct, frozen=True):
    """One prompt.

    Attributes:
        content: all its text as UTF-8, or its token ids, four bytes each.
        tokens: how many tokens that is, media included.
        question: the newest text of the user, by which recorded answers are found.
    """

    content: bytes
    tokens: int
    question: str


class Part(msgspec.Struct, gc=False):
    """One part of a message's content, of any of the API shapes."""

    text: str | None = None
    content: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    image_url: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT
    source: msgspec.Raw = ABSENT


class Turn(msgspec.Struct, gc=False):
    """One message, or one item of the responses API."""

    role: str = ""
    content: str | list[Part] | None = None
    tool_calls: msgspec.Raw = ABSENT
    arguments: msgspec.Raw = ABSENT
    output: msgspec.Raw = ABSENT


def read_conversation(turns: Iterable[Turn], tools: bytes, system: str) -> Prompt:
    """Make one prompt of a conversation, with the tools and the system text before it."""
    lines = [tools, system.encode()]
    media = 0
    question = ""
    for turn in turns:
        text, count = flatten(turn.content)
        media += count
        if turn.role == "user" and text:
            question = text
        encoded = f"{turn.role}\n{text}".encode(errors="replace")
        lines += [encoded, bytes(turn.tool_calls), bytes(turn.arguments), bytes(turn.output)]
    content = b"\n".join(line for line in lines if line)
    return Prompt(content, count_tokens(content) + media * MEDIA_TOKENS, question)


def flatten(content: str | list[Part] | None) -> tuple[str, int]:
    """The text of a message, and how many media it holds; these stand in the text as checksums."""
    if content is None or isinstance(content, str):
        return content or "", 0
    media = 0
    texts = []
    for part in content:
        data = bytes(part.image_url) or bytes(part.input_audio) or bytes(part.source)
        if data:
            media += 1
            texts.append(f"<{zlib.crc32(data):08x}>")
        else:
            inner = bytes(part.content) or bytes(part.input)
            texts.append(part.text or inner.decode(errors="replace"))
    return "\n".join(texts), media


def read_texts(given: str | list[str | int | list[int]], field: str) -> tuple[Prompt, ...]:
    """Make prompts of a text, several texts, token ids, or several lists of token ids.

    Raises:
        ApiError: 400 for token ids that can't be; `field` is where they stood.
    """
    if isinstance(given, str):
        return (_text_prompt(given),)
    if all(isinstance(item, int) for item in given):
        return (_token_prompt(given, field),)
    return tuple(
        _text_prompt(item) if isinstance(item, str) else _token_prompt(item, field)
        for item in given
    )


def _text_prompt(text: str) -> Prompt:
    content = text.encode(errors="replace")
    return Prompt(content, count_tokens(content), text)


def _token_prompt(ids: object, field: str) -> Prompt:
    try:
        content = array("I", ids).tobytes()  # type: ignore[call-overload]
    except (TypeError, OverflowError) as error:
        raise ApiError(400, f"expected token ids of 0 or more: {error}", param=field) from error
    return Prompt(content, count_tokens(content), "")

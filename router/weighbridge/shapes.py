"""The JSON shapes of the five APIs, reduced to what routing reads; everything else is skipped.

chat and messages have `messages`, responses has `input` items, completions has `prompt`, embeddings
`input`. A list of messages comes out as `Turn` objects whose texts are still raw JSON literals.
"""

from enum import Enum, auto

import msgspec

ABSENT = msgspec.Raw()
"""Stands for a field that the body does not have; compared by identity."""


class Speaker(Enum):
    """Who a turn comes from."""

    USER = auto()
    ASSISTANT = auto()
    SYSTEM = auto()
    TOOL = auto()


class Turn(msgspec.Struct, gc=False):
    """One message taken apart.

    Attributes:
        speaker: who said it.
        texts: its texts as JSON string literals, quotes included.
        size: bytes of all that becomes prompt tokens, images and audio not.
        images: number of images.
        audio: whether there is any.
    """

    speaker: Speaker
    texts: list[memoryview]
    size: int
    images: int = 0
    audio: bool = False


class _Message(msgspec.Struct, gc=False):
    role: str | None = None
    type: str | None = None
    content: msgspec.Raw = ABSENT
    tool_calls: msgspec.Raw = ABSENT
    output: msgspec.Raw = ABSENT
    arguments: msgspec.Raw = ABSENT


class _Part(msgspec.Struct, gc=False):
    type: str | None = None
    text: msgspec.Raw = ABSENT
    content: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT


class Body(msgspec.Struct, gc=False):
    """The fields of a request that are read. Raw ones are decoded later, if at all."""

    model: msgspec.Raw = ABSENT
    messages: list[_Message] | None = None
    prompt: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    system: msgspec.Raw = ABSENT
    instructions: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    functions: msgspec.Raw = ABSENT
    response_format: msgspec.Raw = ABSENT
    text: msgspec.Raw = ABSENT
    max_tokens: msgspec.Raw = ABSENT
    max_completion_tokens: msgspec.Raw = ABSENT
    max_output_tokens: msgspec.Raw = ABSENT


class _Format(msgspec.Struct, gc=False):
    type: str | None = None


class _TextOptions(msgspec.Struct, gc=False):
    format: _Format | None = None


decode_body = msgspec.json.Decoder(Body).decode
_decode_items = msgspec.json.Decoder(list[_Message] | None).decode
_decode_parts = msgspec.json.Decoder(list[_Part]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_format = msgspec.json.Decoder(_Format | None).decode
_decode_text_options = msgspec.json.Decoder(_TextOptions | None).decode

_SPEAKERS = {
    "user": Speaker.USER,
    "human": Speaker.USER,
    "system": Speaker.SYSTEM,
    "developer": Speaker.SYSTEM,
    "tool": Speaker.TOOL,
    "function": Speaker.TOOL,
}
_TOOL_ITEM_SUFFIX = "_output"
_IMAGE_PARTS = frozenset({"image_url", "input_image", "image"})
_AUDIO_PARTS = frozenset({"input_audio", "audio", "audio_url"})


def is_string(view: memoryview) -> bool:
    """Whether the raw JSON value is a string."""
    return len(view) > 1 and view[0] == ord('"')


def raw_bytes(*values: msgspec.Raw) -> int:
    """Bytes of raw JSON values together."""
    size = 0
    for value in values:
        if value is not ABSENT:
            size += len(memoryview(value))
    return size


def decode_list(view: memoryview) -> list[memoryview]:
    """The elements of a raw JSON list."""
    return [memoryview(raw) for raw in _decode_list(view)]


def turns_of(body: Body) -> list[Turn]:
    """Take the messages, or the items of a Responses request, apart.

    Raises:
        msgspec.ValidationError: if `input` is no list of items.
    """
    messages = body.messages
    if messages is None and body.input is not ABSENT:
        messages = _decode_items(body.input)
    return [_take_apart(message) for message in messages or ()]


def is_json_schema(body: Body) -> bool:
    """Whether the answer has to follow a JSON schema."""
    wanted = None if body.response_format is ABSENT else _decode_format(body.response_format)
    if wanted is None and body.text is not ABSENT:
        options = _decode_text_options(body.text)
        wanted = options.format if options else None
    return wanted is not None and wanted.type == "json_schema"


def _take_apart(message: _Message) -> Turn:
    speaker = _SPEAKERS.get(message.role or "", Speaker.ASSISTANT)
    if message.type and message.type.endswith(_TOOL_ITEM_SUFFIX):
        speaker = Speaker.TOOL
    view = memoryview(message.content)
    turn = Turn(speaker, [], raw_bytes(message.tool_calls, message.output, message.arguments))
    if is_string(view):
        turn.texts.append(view)
        turn.size += len(view)
    elif view and view[0] == ord("["):
        _take_parts(turn, view)
    return turn


def _take_parts(turn: Turn, view: memoryview) -> None:
    for part in _decode_parts(view):
        if part.type in _IMAGE_PARTS:
            turn.images += 1
        elif part.type in _AUDIO_PARTS:
            turn.audio = True
        elif part.type == "tool_result":
            _take_tool_result(turn, memoryview(part.content))
        else:
            text = memoryview(part.text)
            turn.size += len(text) + raw_bytes(part.input)
            if is_string(text):
                turn.texts.append(text)


def _take_tool_result(turn: Turn, view: memoryview) -> None:
    """Count what a tool gave back; its words are not the user's."""
    if len(view) and view[0] == ord("["):
        inner = Turn(Speaker.TOOL, [], 0)
        _take_parts(inner, view)
        turn.size += inner.size
        turn.images += inner.images
    else:
        turn.size += len(view)

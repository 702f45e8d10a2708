"""JSON bytes in, a frozen `Prompt` out: what is asked, what was asked before, what it needs.

The body is passed over once by a parser that skips what is not needed (`msgspec.Raw`; ADR 1 has
the times); after that only head and tail of the newest texts
are decoded. Work is bounded by `Limits`, whatever the body holds.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec

from weighbridge.contract import Capability, Endpoint
from weighbridge.conversation import is_continuation, spoken_text
from weighbridge.errors import BodyOversizedError, BodyUnparsedError
from weighbridge.excerpt import excerpt, head_of, shorten
from weighbridge.shapes import (
    ABSENT,
    Body,
    Speaker,
    Turn,
    decode_body,
    decode_list,
    is_json_schema,
    is_string,
    raw_bytes,
    turns_of,
)

_MODEL_BYTES = 512
_NUMBER_BYTES = 20
_SYSTEM_BYTES = 1024
_REPAIR_BYTES = 256 * 1024
"""Python's own JSON parser, which takes what vLLM takes, reads about 100 MB/s: 2.5 ms."""
_SAMPLES = 8
_SAMPLE_BYTES = 512
_LEAPS = 32
_OPENING_ASKS = 4
"""Asks kept from the start of a long conversation, where the task was set."""
_LOOKED_AT = 8
"""User turns looked at for each ask wanted: most of an agent's turns are not asks."""
_PARTS_READ = 16
"""Text parts read of one turn: agents put the reminders in parts of their own."""


_NO_NEEDS: frozenset[Capability] = frozenset()


class Limits(Protocol):
    """The part of the settings that bounds the reading of a body."""

    @property
    def text_bytes(self) -> int:
        """Most bytes decoded of one text."""

    @property
    def earlier_asks(self) -> int:
        """Most earlier asks that are kept."""

    @property
    def parts(self) -> int:
        """Most JSON objects, or strings in a list, that a body may hold."""


class Ask(msgspec.Struct, frozen=True, gc=False):
    """One thing that a user asked.

    Attributes:
        text: head and tail of it, decoded, without the blocks that agents inject.
        size: bytes of the whole turn's text as it stood in the body.
    """

    text: str
    size: int


class Prompt(msgspec.Struct, frozen=True, gc=False):
    """A request as far as routing has to know it.

    Attributes:
        endpoint: the API shape it was read as.
        model: the model name asked for, "" if none.
        ask: the newest turn of the user that asks something; None where there is no text.
        earlier: asks before it, newest first.
        system: head of the system or developer text.
        turns: number of messages.
        text_bytes: UTF-8 bytes of all text, tool definitions included, images not.
        token_ids: tokens given as numbers instead of text.
        images: number of images.
        max_tokens: tokens of answer the request allows; None if it does not say.
        needs: what the pool must be able to do.
    """

    endpoint: Endpoint
    model: str = ""
    ask: Ask | None = None
    earlier: tuple[Ask, ...] = ()
    system: str = ""
    turns: int = 0
    text_bytes: int = 0
    token_ids: int = 0
    images: int = 0
    max_tokens: int | None = None
    needs: frozenset[Capability] = frozenset()


def read_prompt(body: bytes, endpoint: Endpoint, limits: Limits) -> Prompt:
    """Read a request body of one of the known API shapes.

    Args:
        body: the JSON document, already decompressed.
        endpoint: which shape to expect; not `Endpoint.OTHER`.
        limits: bounds on the reading.

    Raises:
        BodyUnparsedError: if it is not JSON, or not of that shape.
        BodyOversizedError: if it holds more objects than `limits.parts`.
    """
    try:
        return _Reading(body, endpoint, limits).prompt()
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BodyUnparsedError(f"expected a {endpoint} request: {type(error).__name__}") from error


class _Reading:
    """One body being read."""

    def __init__(self, body: bytes, endpoint: Endpoint, limits: Limits) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.document = body
        # Braces inside texts count too: an upper bound of the objects to be built, found cheaply.
        self._check_count(b"{", least_bytes=len(b"{},"))
        self.body, read = parse_body(body)
        self.utf8_share = _utf8_share(read)

    def prompt(self) -> Prompt:
        if self.endpoint is Endpoint.COMPLETIONS:
            return self._plain(memoryview(self.body.prompt))
        given = memoryview(self.body.input)
        if self.endpoint is Endpoint.EMBEDDINGS:
            return self._plain(given)
        if self.endpoint is Endpoint.RESPONSES and is_string(given):
            return self._plain(given)
        return self._conversation()

    def _conversation(self) -> Prompt:
        turns = turns_of(self.body)
        asks = tuple(_asks(turns, self.limits))
        return Prompt(
            endpoint=self.endpoint,
            model=_string(self.body.model, _MODEL_BYTES),
            ask=asks[0] if asks else None,
            earlier=asks[1:],
            system=self._system(turns),
            turns=len(turns),
            text_bytes=self._text_bytes(turn.size for turn in turns),
            images=sum(turn.images for turn in turns),
            max_tokens=self._max_tokens(),
            needs=self._needs(turns),
        )

    def _plain(self, view: memoryview) -> Prompt:
        """A prompt that is a string, a list of strings, or token ids in one or two levels."""
        texts: list[memoryview] = []
        token_ids = 0
        if is_string(view):
            texts = [view]
        elif _starts_with_number(view):
            token_ids = bytes(view).count(b",") + 1
        elif len(view):
            self._check_count(b'"', least_bytes=len(b'"",'))
            texts = [item for item in decode_list(view) if is_string(item)]
        ask = _ask(texts, self.limits.text_bytes)
        return Prompt(
            endpoint=self.endpoint,
            model=_string(self.body.model, _MODEL_BYTES),
            ask=ask if ask.text else None,
            system=self._system([]),
            turns=1 if texts or token_ids else 0,
            text_bytes=self._text_bytes(map(len, texts)),
            token_ids=token_ids,
            max_tokens=self._max_tokens(),
            needs=self._needs([]),
        )

    def _check_count(self, mark: bytes, *, least_bytes: int) -> None:
        most = self.limits.parts
        if len(self.document) > most * least_bytes and _has_more(self.document, mark, most):
            raise BodyOversizedError(f"expected at most {most} objects or strings")

    def _system(self, turns: list[Turn]) -> str:
        for raw in (self.body.system, self.body.instructions):
            if raw is not ABSENT and is_string(view := memoryview(raw)):
                return head_of(view, _SYSTEM_BYTES)
        for turn in turns[:2]:
            if turn.speaker is Speaker.SYSTEM and turn.texts:
                return head_of(turn.texts[0], _SYSTEM_BYTES)
        return ""

    def _text_bytes(self, sizes: Iterable[int]) -> int:
        body = self.body
        beside = raw_bytes(body.system, body.instructions, body.tools, body.functions)
        return round((sum(sizes) + beside) * self.utf8_share)

    def _max_tokens(self) -> int | None:
        body = self.body
        for raw in (body.max_completion_tokens, body.max_output_tokens, body.max_tokens):
            if (number := _number(raw)) is not None:
                return number
        return None

    def _needs(self, turns: list[Turn]) -> frozenset[Capability]:
        needs = set()
        if _is_filled(self.body.tools) or _is_filled(self.body.functions):
            needs.add(Capability.TOOLS)
        if is_json_schema(self.body):
            needs.add(Capability.JSON_SCHEMA)
        for turn in turns:
            if turn.images:
                needs.add(Capability.VISION)
            if turn.audio:
                needs.add(Capability.AUDIO)
        return frozenset(needs) if needs else _NO_NEEDS


def _has_more(document: bytes, mark: bytes, most: int) -> bool:
    """Whether a byte stands in a document more than `most` times.

    Prose and images hold few braces, and `find` leaps between these at five times the speed at
    which `count` walks.
    """
    at = 0
    leaps = min(_LEAPS, most + 1)
    for _ in range(leaps):
        at = document.find(mark, at) + 1
        if at == 0:
            return False
    return leaps + document.count(mark, at) > most


def _utf8_share(body: bytes) -> float:
    """UTF-8 bytes for each byte of the body, from samples all along it.

    An ASCII-only client writes each CJK character as six bytes where UTF-8 takes three.
    """
    stride = max(_SAMPLE_BYTES, len(body) // _SAMPLES)
    sample = b" ".join(body[at : at + _SAMPLE_BYTES] for at in range(0, len(body), stride))
    # An escaped backslash before a plain u, as in a Windows path, is no escape of a character.
    escapes = sample.count(b"\\u") - sample.count(b"\\\\u")
    return 1 - 3 * escapes / max(1, len(sample))


def parse_body(body: bytes) -> tuple[Body, bytes]:
    """Parse a body; also returns the bytes it was parsed from, which differ where it was repaired.

    Raises:
        msgspec.MsgspecError: if it is no JSON object of the known fields.
        UnicodeError: if a text that had to be decoded is not UTF-8.
        RecursionError: if it is nested too deeply.
    """
    try:
        return decode_body(body), body
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        if len(body) > _REPAIR_BYTES:
            raise
        repaired = _repair(body)
        return decode_body(repaired), repaired


def _repair(body: bytes) -> bytes:
    """Rewrite what Python's parser accepts and strict ones refuse, for our reading alone."""
    try:
        document: Any = json.loads(body, parse_constant=lambda _: None)
    except ValueError as error:
        raise msgspec.DecodeError("not JSON") from error
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _asks(turns: list[Turn], limits: Limits) -> Iterator[Ask]:
    """What the user asked, newest first; if nothing but nods, the newest nod."""
    spoken = [turn for turn in turns if turn.speaker is Speaker.USER and turn.texts]
    opening, recent = spoken[:_OPENING_ASKS], spoken[_OPENING_ASKS:]
    recent_wanted = max(1, 1 + limits.earlier_asks - len(opening))
    asks = [
        *_first(recent[: -1 - _LOOKED_AT * recent_wanted : -1], recent_wanted, limits),
        *_first(opening[::-1], 1 + limits.earlier_asks, limits),
    ]
    if not asks and spoken:
        asks = [_ask(spoken[-1].texts, limits.text_bytes)]
    return (ask for ask in asks[: 1 + limits.earlier_asks] if ask.text)


def _first(turns: Iterable[Turn], wanted: int, limits: Limits) -> Iterator[Ask]:
    for turn in turns:
        ask = _ask(turn.texts, limits.text_bytes)
        if ask.text and not is_continuation(ask.text):
            yield ask
            wanted -= 1
        if wanted == 0:
            return


def _ask(texts: list[memoryview], budget: int) -> Ask:
    size = sum(map(len, texts))
    if len(texts) == 1:
        return Ask(spoken_text(excerpt(texts[0], budget)), size)
    read = texts if len(texts) <= _PARTS_READ else [texts[0], *texts[1 - _PARTS_READ :]]
    pieces = (spoken_text(excerpt(text, budget)) for text in read)
    return Ask(shorten("\n".join(piece for piece in pieces if piece), budget), size)


def _starts_with_number(view: memoryview) -> bool:
    return bytes(view[:64]).lstrip(b"[ \t\r\n")[:1].isdigit()


def _string(raw: msgspec.Raw, most: int) -> str:
    view = memoryview(raw)
    return excerpt(view, most) if is_string(view) and len(view) <= most else ""


def _number(raw: msgspec.Raw) -> int | None:
    if raw is ABSENT:
        return None
    digits = bytes(memoryview(raw)[:_NUMBER_BYTES])
    return int(digits) if digits.isdigit() else None


def _is_filled(raw: msgspec.Raw) -> bool:
    """Whether it is a list with something in it."""
    if raw is ABSENT:
        return False
    head = bytes(memoryview(raw)[:64])
    return head[:1] == b"[" and head[1:].lstrip()[:1] not in {b"]", b""}

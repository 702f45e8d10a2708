"""The head and the tail of a JSON string, decoded; the middle of a long text is never touched."""

import re

import msgspec

SEAM = "\n\u2026\n"
"""Stands in an excerpt where the middle was left out."""

_decode_string = msgspec.json.Decoder(str).decode
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.)|$)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def excerpt(literal: memoryview, budget: int) -> str:
    """Decode a JSON string literal, or its two ends.

    Args:
        literal: the literal with its quotes, as it stands in the body.
        budget: most bytes decoded; a longer text gives half of it from each end around `SEAM`.
    """
    length = len(literal) - 2
    if length <= budget:
        return _unescape(bytes(literal[1:-1]))
    half = budget // 2
    return head_of(literal, half) + SEAM + _tail_of(literal, half)


def head_of(literal: memoryview, budget: int) -> str:
    """Decode at most the first `budget` bytes of a JSON string literal."""
    if len(literal) - 2 <= budget:
        return _unescape(bytes(literal[1:-1]))
    piece = bytes(literal[1 : 1 + budget])
    # No escape and no UTF-8 sequence holds a space, so at one it is safe to cut.
    space = piece.rfind(b" ")
    return _unescape(piece[:space] if space > budget // 2 else piece)


def _tail_of(literal: memoryview, budget: int) -> str:
    piece = bytes(literal[len(literal) - 1 - budget : -1])
    space = piece.find(b" ")
    return _unescape(piece[space + 1 :] if 0 <= space < budget // 2 else piece)


def _unescape(piece: bytes) -> str:
    try:
        return _decode_string(b'"%b"' % piece)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _unescape_leniently(piece)


def _unescape_leniently(piece: bytes) -> str:
    """For a piece cut inside an escape or a character, or with bytes that are not UTF-8."""
    text = _ESCAPE.sub(_character, piece.decode("utf-8", "ignore"))
    # Surrogate pairs come out as two halves: join them, drop the lone ones.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def _character(match: re.Match[str]) -> str:
    code, simple = match.groups()
    if code:
        return chr(int(code, 16))
    return _SIMPLE.get(simple, simple) if simple else ""


def shorten(text: str, budget: int) -> str:
    """Cut an already decoded text the way `excerpt` cuts a literal; `budget` in characters."""
    if len(text) <= budget:
        return text
    half = budget // 2
    return text[:half] + SEAM + text[-half:]

"""W3C trace context: a traceparent header in, trace id, span id and flag out, or nothing."""

import re
from typing import Final

import msgspec

HEADER: Final = "traceparent"

_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_SAMPLED = 1


class TraceContext(msgspec.Struct, frozen=True, gc=False):
    """Where in a trace its sender stands.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        sampled: the sender records its span.
    """

    trace_id: str
    span_id: str
    sampled: bool


def read_traceparent(header: str) -> TraceContext | None:
    """Read a header; None for what is none.

    Whatever else a client writes there must reach neither log nor span.
    """
    found = _FORM.fullmatch(header)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if trace == _NO_TRACE or span == _NO_SPAN or (more and version == "00"):
        return None
    return TraceContext(trace, span, bool(int(flags, 16) & _SAMPLED))


def trace_id(header: str) -> str:
    """The trace id of a header, "" if it is none."""
    found = read_traceparent(header)
    return found.trace_id if found else ""

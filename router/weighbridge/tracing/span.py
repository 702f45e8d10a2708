"""Spans in, the bytes of an OTLP export out: JSON, as the protocol has it for HTTP.

No SDK: opentelemetry-proto and xds-protos write different modules under the same names, and which
of the two is read depends on which was installed last.
"""

from collections.abc import Iterable, Mapping

import msgspec

from weighbridge import __version__

Value = str | int | float | bool
_SERVER = 2
"""Kind: the other end of a remote call, so that backends can join the two."""
_ERROR = 2
_encode = msgspec.json.Encoder().encode


class Span(msgspec.Struct, frozen=True, gc=False):
    """One span that is over.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: likewise, "" for a root.
        name: of the operation; one of few.
        start_ns: since 1970.
        end_ns: likewise.
        attributes: by name.
        failed: its status is an error.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Value]
    failed: bool = False


def exported(resource: Mapping[str, Value], spans: Iterable[Span]) -> bytes:
    """Write an ExportTraceServiceRequest.

    Args:
        resource: what all the spans are of.
        spans: any number.
    """
    scope = {"name": "weighbridge", "version": __version__}
    scoped = {"scope": scope, "spans": [_written(span) for span in spans]}
    whole = {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scoped]}
    return _encode({"resourceSpans": [whole]})


def _written(span: Span) -> dict[str, object]:
    # 64-bit integers are texts in protobuf's JSON; ids are hex in OTLP's.
    written: dict[str, object] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": _SERVER,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        written["parentSpanId"] = span.parent_id
    if span.failed:
        written["status"] = {"code": _ERROR}
    return written


def _attributes(values: Mapping[str, Value]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Value) -> dict[str, Value]:
    if isinstance(value, bool):  # before int, which it is as well
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value}

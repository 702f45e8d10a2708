"""Bytes of an OTLP export of log records in, receipts out; what is none is told apart.

The few fields of OTLP that a receipt needs are declared here, in a pool of their own. xds-protos
carries OTLP's modules as they were years ago, under the very names that opentelemetry-proto has for
today's: which of them is imported depends on what else is installed.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from weighbridge.contract import ReceiptField
from weighbridge.metering.receipt import Receipt, Seen

EXPORT: Final = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
"""The method that Envoy's access logger calls."""

_UNKNOWN = "-"
"""Envoy's word for what it does not know."""

# Message: its fields by number, each a name and the message in it; "": a string.
_SCHEMA: Final = {
    "Export": {1: ("resource_logs", "ResourceLogs")},
    "ResourceLogs": {2: ("scope_logs", "ScopeLogs")},
    "ScopeLogs": {2: ("log_records", "LogRecord")},
    "LogRecord": {6: ("attributes", "KeyValue")},
    "KeyValue": {1: ("key", ""), 2: ("value", "AnyValue")},
    "AnyValue": {1: ("string_value", "")},
}
_ONE = frozenset({"key", "value", "string_value"})
"""Fields that stand once; the others are lists."""


def _export_class() -> type[Any]:
    file = FileDescriptorProto(name="weighbridge/receipts", package="weighbridge", syntax="proto3")
    for message, fields in _SCHEMA.items():
        declared = file.message_type.add(name=message)
        for number, (name, inner) in fields.items():
            declared.field.add(
                name=name,
                number=number,
                label=FieldDescriptorProto.LABEL_OPTIONAL
                if name in _ONE
                else FieldDescriptorProto.LABEL_REPEATED,
                type=FieldDescriptorProto.TYPE_MESSAGE
                if inner
                else FieldDescriptorProto.TYPE_STRING,
                type_name=f".weighbridge.{inner}" if inner else None,
            )
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("weighbridge.Export"))


_Export = _export_class()
_decode_seen = msgspec.json.Decoder(Seen).decode
_NOTHING = Seen()


def receipts(export: bytes) -> Iterator[Receipt | None]:
    """Read an export; None stands for a record that is no receipt, or an export that is none."""
    try:
        request = _Export.FromString(export)
    except DecodeError:
        yield None
        return
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield _receipt({each.key: each.value.string_value for each in record.attributes})


def _receipt(fields: dict[str, str]) -> Receipt | None:
    try:
        return Receipt(
            tier=fields[ReceiptField.TIER],
            path=fields[ReceiptField.PATH],
            status=_number(fields[ReceiptField.STATUS]),
            flags=fields.get(ReceiptField.FLAGS, ""),
            request_bytes=_number(fields.get(ReceiptField.REQUEST_BYTES, "")),
            seen=_seen(fields.get(ReceiptField.SEEN, "")),
            team=fields.get(ReceiptField.TEAM, ""),
            user=fields.get(ReceiptField.USER, ""),
        )
    except (KeyError, ValueError):
        return None


def _number(text: str) -> int:
    return 0 if text in {"", _UNKNOWN} else int(text)


def _seen(text: str) -> Seen | None:
    if text in {"", _UNKNOWN}:
        return _NOTHING
    try:
        return _decode_seen(text)
    except msgspec.DecodeError:
        return None


def exported(records: Iterable[dict[str, str]]) -> bytes:
    """Write an export as Envoy does; for tests and for who wants to send receipts by hand."""
    request = _Export()
    scope = request.resource_logs.add().scope_logs.add()
    for fields in records:
        record = scope.log_records.add()
        for key, value in fields.items():
            record.attributes.add(key=key).value.string_value = value
    return bytes(request.SerializeToString())

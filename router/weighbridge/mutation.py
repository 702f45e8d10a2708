"""Decisions in, serialized ext_proc answers out.

An answer is bytes, made once for each distinct decision: scores carry three decimals, so there are
few of them, and building the protobuf message is what costs (3.2 µs), not sending the bytes.
"""

from functools import lru_cache
from typing import Final

from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb

from weighbridge.contract import HEADER_DECILE, HEADER_REASON, HEADER_SCORE, HEADER_TIER
from weighbridge.policy import Decision

CHUNK_BYTES: Final = 64 * 1024
"""Most body bytes in one answer: Envoy refuses larger ones in FULL_DUPLEX_STREAMED."""

_OVERWRITE = base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


def _empty(kind: str) -> bytes:
    answer = pb.ProcessingResponse()
    getattr(answer, kind).SetInParent()
    return bytes(answer.SerializeToString())


UNCHANGED: Final = {
    kind: _empty(kind)
    for kind in (
        "request_headers",
        "request_body",
        "request_trailers",
        "response_headers",
        "response_body",
        "response_trailers",
    )
}
"""For each kind of message, the answer of the same kind that changes nothing."""


def headers_answer(decision: Decision) -> bytes:
    """Answer request headers with the decision."""
    return _headers_answer(_header_values(decision))


def body_answer(decision: Decision) -> bytes:
    """Answer a buffered request body with the decision; the body stays as it is."""
    return _body_answer(_header_values(decision))


def streamed_body_answers(body: bytes, *, end_of_stream: bool) -> list[bytes]:
    """Hand a body back in chunks, as FULL_DUPLEX_STREAMED demands.

    Args:
        body: bytes to send on unchanged.
        end_of_stream: whether the last chunk is the end of the request (no trailers follow).
    """
    starts = range(0, len(body), CHUNK_BYTES) if body else range(1 if end_of_stream else 0)
    return [
        _streamed_chunk(
            body[start : start + CHUNK_BYTES],
            end_of_stream=end_of_stream and start + CHUNK_BYTES >= len(body),
        )
        for start in starts
    ]


def _streamed_chunk(chunk: bytes, *, end_of_stream: bool) -> bytes:
    streamed = pb.StreamedBodyResponse(body=chunk, end_of_stream=end_of_stream)
    common = pb.CommonResponse(body_mutation=pb.BodyMutation(streamed_response=streamed))
    answer = pb.ProcessingResponse(request_body=pb.BodyResponse(response=common))
    return bytes(answer.SerializeToString())


def _header_values(decision: Decision) -> tuple[tuple[str, str], ...]:
    values = [(HEADER_TIER, decision.tier), (HEADER_REASON, decision.reason.value)]
    if decision.score is not None:
        values.append((HEADER_SCORE, f"{decision.score:.3f}"))
        values.append((HEADER_DECILE, str(decision.decile)))
    return tuple(values)


@lru_cache(maxsize=8192)
def _headers_answer(values: tuple[tuple[str, str], ...]) -> bytes:
    answer = pb.ProcessingResponse(request_headers=pb.HeadersResponse(response=_common(values)))
    return bytes(answer.SerializeToString())


@lru_cache(maxsize=8192)
def _body_answer(values: tuple[tuple[str, str], ...]) -> bytes:
    answer = pb.ProcessingResponse(request_body=pb.BodyResponse(response=_common(values)))
    return bytes(answer.SerializeToString())


def _common(values: tuple[tuple[str, str], ...]) -> pb.CommonResponse:
    return pb.CommonResponse(
        clear_route_cache=True,
        header_mutation=pb.HeaderMutation(
            set_headers=[
                base_pb2.HeaderValueOption(
                    header=base_pb2.HeaderValue(key=key, raw_value=value.encode()),
                    append_action=_OVERWRITE,
                )
                for key, value in values
            ]
        ),
    )

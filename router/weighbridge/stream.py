"""One Envoy stream as a state machine: a message in, the answers that are due out.

BUFFERED: the headers are answered at once, the decision rides on the body's answer.
FULL_DUPLEX_STREAMED: the headers' answer is withheld until the body is in, because what Envoy has
sent on can't be rerouted; then headers, body and trailers are answered together.
All is done between two reads of the event loop, but where a second stage is to be asked: then the
stream waits, and no other.
"""

from collections.abc import Callable, Sequence
from functools import partial

from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from google.protobuf.message import DecodeError

from weighbridge import mutation
from weighbridge.body import BodyBuffer
from weighbridge.contract import HEADER_PREFER
from weighbridge.errors import ProtocolError
from weighbridge.policy import Decision
from weighbridge.tracing.context import trace_id
from weighbridge.weighing import Case, RequestHead, Weighing, trace_fields

_FULL_DUPLEX = processing_mode_pb2.ProcessingMode.FULL_DUPLEX_STREAMED
_BUFFERED = processing_mode_pb2.ProcessingMode.BUFFERED
_STREAMED = processing_mode_pb2.ProcessingMode.STREAMED
_RESPONSE_KINDS = frozenset({"response_headers", "response_body", "response_trailers"})
_Answering = Callable[[Decision], Sequence[bytes]]
_READ_HEADERS = frozenset({":path", "content-encoding", "traceparent", HEADER_PREFER})


class Exchange:
    """The messages of one stream.

    `answer` takes one of Envoy's messages and returns the serialized answers that are due, in
    order; where `pending` is set after it, `refined` gives them instead, and must be awaited before
    the next message. Afterwards `finished` says whether the last one was given, so that the stream
    can end while the response is still on its way.

    Args:
        weighing: decides.
        caller: traceparent of the gRPC call, "" where it has none or tracing is off.
    """

    __slots__ = (
        *("_body", "_caller", "_decided", "_head", "_mode", "_weighing"),
        *("finished", "pending"),
    )

    def __init__(self, weighing: Weighing, caller: str = "") -> None:
        self._weighing = weighing
        self._caller = caller
        self._head: RequestHead | None = None
        self._body = BodyBuffer(weighing.generations.current.settings.limits.body_bytes)
        self._mode = _BUFFERED
        self._decided = False
        self.finished = False
        self.pending: tuple[Case, _Answering] | None = None

    def answer(self, message: bytes) -> Sequence[bytes]:
        """Answer one message with its own kind.

        Raises:
            ProtocolError: for what is no ext_proc message, of an unknown kind, or out of order.
        """
        try:
            request = pb.ProcessingRequest.FromString(message)
        except DecodeError as error:
            raise ProtocolError("expected a ProcessingRequest, came other bytes") from error
        kind = request.WhichOneof("request")
        if kind == "request_headers":
            return self._request_headers(request)
        if kind in _RESPONSE_KINDS:
            # A filter set to show responses too: they pass, and Envoy ends the stream.
            return (mutation.UNCHANGED[kind],)
        if self._head is None:
            raise ProtocolError(f"expected request_headers first, came {kind}")
        if kind == "request_body":
            return self._request_body(request.request_body)
        if kind == "request_trailers":
            return self._request_trailers()
        raise ProtocolError(f"expected a message of a known kind, came {kind}")

    async def refined(self) -> Sequence[bytes]:
        """The answers that `answer` left open, once the second stage was asked."""
        assert self.pending is not None  # noqa: S101 - the caller has looked
        case, answering = self.pending
        self.pending = None
        return answering(self._weighing.finish(await self._weighing.refine(case)))

    def trace_fields(self) -> dict[str, str]:
        """What a log record about this stream says of its trace."""
        found = trace_id(self._caller)
        return {"trace_id": found} if found else trace_fields(None, self._head)

    def _request_headers(self, request: pb.ProcessingRequest) -> Sequence[bytes]:
        if self._head is not None:
            raise ProtocolError("expected request_headers once, came a second time")
        if request.HasField("protocol_config"):
            self._mode = request.protocol_config.request_body_mode
        self._head = _read_head(request.request_headers)
        if request.request_headers.end_of_stream:
            self.finished = True
            return self._decide(None, _on_headers)
        return () if self._mode == _FULL_DUPLEX else (mutation.UNCHANGED["request_headers"],)

    def _request_body(self, chunk: pb.HttpBody) -> Sequence[bytes]:
        self.finished = chunk.end_of_stream
        if self._mode == _FULL_DUPLEX:
            return self._duplex_chunk(chunk)
        if self._decided:
            return (mutation.UNCHANGED["request_body"],)
        self._body.add(chunk.body)
        if self._mode == _STREAMED and not chunk.end_of_stream:
            if self._body.overflowed:
                self._body.take()  # Envoy has it already, and it will not be read
            return (mutation.UNCHANGED["request_body"],)
        return self._decide(self._body, _on_body)

    def _duplex_chunk(self, chunk: pb.HttpBody) -> Sequence[bytes]:
        end = chunk.end_of_stream
        if self._decided:
            return mutation.streamed_body_answers(chunk.body, end_of_stream=end)
        self._body.add(chunk.body)
        if not end and not self._body.overflowed:
            return ()
        return self._decide(self._body, partial(self._release, end_of_stream=end))

    def _request_trailers(self) -> Sequence[bytes]:
        self.finished = True
        trailers = mutation.UNCHANGED["request_trailers"]
        if self._mode == _FULL_DUPLEX and not self._decided:
            return self._decide(
                self._body, lambda decision: (*self._release(decision, False), trailers)
            )
        return (trailers,)

    def _release(self, decision: Decision, end_of_stream: bool) -> Sequence[bytes]:
        """The withheld answer to the headers, and all of the body that has come."""
        held = self._body.take()
        return (
            mutation.headers_answer(decision),
            *mutation.streamed_body_answers(held, end_of_stream=end_of_stream),
        )

    def _decide(self, body: BodyBuffer | None, answering: _Answering) -> Sequence[bytes]:
        """The answers that carry the decision; none yet where the second stage is to be asked."""
        assert self._head is not None  # noqa: S101 - answer() lets no body in before the headers
        self._decided = True
        case = self._weighing.begin(self._head, body, self._caller)
        if case.decision is None:
            self.pending = (case, answering)
            return ()
        return answering(self._weighing.finish(case))


def _on_headers(decision: Decision) -> Sequence[bytes]:
    return (mutation.headers_answer(decision),)


def _on_body(decision: Decision) -> Sequence[bytes]:
    return (mutation.body_answer(decision),)


def _read_head(headers: pb.HttpHeaders) -> RequestHead:
    found = {
        header.key: header.raw_value.decode("latin-1") or header.value
        for header in headers.headers.headers
        if header.key in _READ_HEADERS
    }
    return RequestHead(
        path=found.get(":path", ""),
        content_encoding=found.get("content-encoding", ""),
        traceparent=found.get("traceparent", ""),
        prefer=found.get(HEADER_PREFER, "").strip().lower(),
    )

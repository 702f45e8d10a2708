"""One Envoy stream as a state machine: a message in, the answers that are due out.

BUFFERED: the headers are answered at once, the decision rides on the body's answer.
FULL_DUPLEX_STREAMED: the headers' answer is withheld until the body is in, because what Envoy has
sent on can't be rerouted; then headers, body and trailers are answered together.
All is done between two reads of the event loop, but where a second stage is to be asked: then the
stream waits, and no other.
This is the one place where failures are caught: each becomes a decision for the fallback tier.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from google.protobuf.message import DecodeError

from weighbridge import mutation
from weighbridge.body import BodyBuffer, decompress
from weighbridge.capture import Capture
from weighbridge.classifier import Complexity
from weighbridge.contract import (
    ENDPOINT_PATHS,
    HEADER_PREFER,
    Endpoint,
    Outcome,
    Reason,
    Stage,
)
from weighbridge.errors import ProtocolError, StreamError
from weighbridge.generation import Generation, Generations
from weighbridge.logs import DecisionLine, DecisionLog, is_sampled
from weighbridge.metrics import Metrics
from weighbridge.policy import Decision
from weighbridge.prompt import Prompt, read_prompt
from weighbridge.refinement import Refiner
from weighbridge.tracing.context import trace_id
from weighbridge.tracing.tracer import Decided, Trace, Tracer

_log = logging.getLogger(__name__)
_now = time.perf_counter
_FULL_DUPLEX = processing_mode_pb2.ProcessingMode.FULL_DUPLEX_STREAMED
_BUFFERED = processing_mode_pb2.ProcessingMode.BUFFERED
_STREAMED = processing_mode_pb2.ProcessingMode.STREAMED
_RESPONSE_KINDS = frozenset({"response_headers", "response_body", "response_trailers"})
_Answering = Callable[[Decision], Sequence[bytes]]
_READ_HEADERS = frozenset({":path", "content-encoding", "traceparent", HEADER_PREFER})


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """What is read of the request headers."""

    path: str = ""
    content_encoding: str = ""
    traceparent: str = ""
    prefer: str = ""

    @property
    def endpoint(self) -> Endpoint:
        """The API shape that the path names, a prefix before /v1/ and the query left aside."""
        path = self.path.partition("?")[0].rstrip("/")
        found = ENDPOINT_PATHS.get(path)
        if found is None:
            found = ENDPOINT_PATHS.get(path[path.rfind("/v1/") :])
        return found or Endpoint.OTHER


class Case(msgspec.Struct, frozen=True, gc=False):
    """One request on its way to a decision.

    Attributes:
        started: when the last byte was read, in seconds of a clock.
        generation: that decides it.
        head: its headers.
        body: its whole body; None where there is none.
        prompt: what was read of it; None where nothing could be.
        complexity: what the classifier said; None where it was not asked.
        decision: None while stage 2 is to be asked.
        trace: its place in a trace; None while tracing is off.
    """

    started: float
    generation: Generation
    head: RequestHead
    body: BodyBuffer | None
    prompt: Prompt | None = None
    complexity: Complexity | None = None
    decision: Decision | None = None
    trace: Trace | None = None


class Weighing:
    """Decides requests for one router: the generation in service, and what is recorded of it.

    A request is begun, where it is uncertain refined, and finished; only then is it recorded.

    Args:
        generations: the generation in service.
        metrics: told of each decision.
        log: likewise.
        capture: offered what was weighed; None: nothing is kept.
        refiner: asks second stages; None: none is asked.
        tracer: told of each decision; None: tracing is off.
    """

    def __init__(
        self,
        generations: Generations,
        metrics: Metrics,
        log: DecisionLog,
        capture: Capture | None = None,
        refiner: Refiner | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.generations = generations
        self.metrics = metrics
        self.log = log
        self.capture = capture
        self.tracer = tracer
        self._refiner = refiner

    def begin(self, head: RequestHead, body: BodyBuffer | None, caller: str = "") -> Case:
        """Decide one request as far as the first stage can; never raises.

        Args:
            head: its headers.
            body: its whole body; None where there is none.
            caller: traceparent of the gRPC call.
        """
        trace = self.tracer.begin(caller, head.traceparent) if self.tracer else None
        case = Case(_now(), self.generations.current, head, body, trace=trace)
        policy = case.generation.policy
        prompt: Prompt | None = None
        complexity: Complexity | None = None
        decision: Decision | None
        try:
            if body is None or body.size == 0:
                decision = policy.passed(Reason.NO_BODY)
            elif (endpoint := head.endpoint) is Endpoint.OTHER:
                decision = policy.passed(Reason.OTHER_PATH)
            else:
                prompt = self._read(case, endpoint, body)
                decision = policy.settle(prompt)
                if decision is None:
                    complexity = self._weigh(case, prompt)
                    if not self._is_open(case, prompt, complexity):
                        decision = policy.decide(prompt, complexity, head.prefer)
        except StreamError as error:
            self.metrics.record_failure(error.label)
            decision = policy.failed(error.reason)
        except Exception:  # noqa: BLE001 - see the module's docstring
            decision = self._fault(case)
        return Case(case.started, case.generation, head, body, prompt, complexity, decision, trace)

    async def refine(self, case: Case) -> Case:
        """Ask the second stage and decide; never raises."""
        prompt, complexity, generation = case.prompt, case.complexity, case.generation
        assert self._refiner and prompt and complexity  # noqa: S101, PT018 - begin() saw to it
        started = _now()
        try:
            complexity = await self._refiner.refine(
                generation.classifier, generation.settings.classifier, prompt, complexity
            )
            self._record_stage(case, Stage.REFINE, _now() - started)
            decision = generation.policy.decide(prompt, complexity, case.head.prefer)
        except Exception:  # noqa: BLE001 - see the module's docstring
            decision = self._fault(case)
        return msgspec.structs.replace(case, complexity=complexity, decision=decision)

    def finish(self, case: Case) -> Decision:
        """Record a decided case, and give its decision."""
        decision, generation, body = case.decision, case.generation, case.body
        assert decision is not None  # noqa: S101 - what is open has been refined
        seconds = _now() - case.started
        self.metrics.record_decision(
            (decision.tier, decision.reason, decision.outcome),
            decision.score,
            seconds,
            body.size if body else 0,
        )
        if self.tracer and case.trace:
            self.tracer.end(case.trace, _decided(case, decision, seconds))
        if is_sampled(generation.settings.log.decision_sample):
            self._write(case, decision, seconds)
        if self.capture and body and case.prompt and decision.outcome is Outcome.WEIGHED:
            self.capture.offer(
                generation.settings.capture, body, case.prompt.endpoint, case.head.content_encoding
            )
        return decision

    def _is_open(self, case: Case, prompt: Prompt, complexity: Complexity) -> bool:
        """Whether the second stage is to be asked."""
        generation = case.generation
        return (
            generation.classifier.has_second_stage
            and self._refiner is not None
            and generation.policy.is_open(prompt, complexity, case.head.prefer)
        )

    def _fault(self, case: Case) -> Decision:
        self.metrics.record_failure("internal")
        fields = _trace_fields(case.trace, case.head)
        _log.exception("a request could not be weighed", extra={"fields": fields})
        return case.generation.policy.failed(Reason.ERROR)

    def _record_stage(self, case: Case, stage: Stage, seconds: float) -> None:
        self.metrics.record_stage(stage, seconds)
        if case.trace is not None:
            case.trace.stages[stage] = seconds

    def _read(self, case: Case, endpoint: Endpoint, body: BodyBuffer) -> Prompt:
        started = _now()
        limits = case.generation.settings.limits
        whole = body.whole()
        if case.head.content_encoding:
            whole = decompress(whole, case.head.content_encoding, limits.body_bytes)
        prompt = read_prompt(whole, endpoint, limits)
        self._record_stage(case, Stage.PARSE, _now() - started)
        return prompt

    def _weigh(self, case: Case, prompt: Prompt) -> Complexity:
        started = _now()
        complexity = case.generation.classifier.weigh(prompt)
        self._record_stage(case, Stage.CLASSIFY, _now() - started)
        return complexity

    def _write(self, case: Case, decision: Decision, seconds: float) -> None:
        prompt, complexity = case.prompt, case.complexity
        ask = prompt.ask.text if prompt and prompt.ask else ""
        self.log.add(
            DecisionLine(
                ts=round(time.time(), 3),
                tier=decision.tier,
                reason=decision.reason.value,
                micros=round(seconds * 1e6),
                body_bytes=case.body.size if case.body else 0,
                score=None if decision.score is None else round(decision.score, 3),
                raw=round(complexity.raw, 5) if complexity else None,
                earlier=round(complexity.earlier, 3) if complexity else None,
                endpoint=prompt.endpoint.value if prompt else "",
                turns=prompt.turns if prompt else 0,
                ask_chars=len(ask),
                ask_hash=self.log.fingerprint(ask) if ask else "",
                trace_id=case.trace.trace_id if case.trace else trace_id(case.head.traceparent),
                span_id=case.trace.span_id if case.trace else "",
                generation=case.generation.number,
            )
        )


def _decided(case: Case, decision: Decision, seconds: float) -> Decided:
    return Decided(
        decision,
        seconds,
        case.body.size if case.body else 0,
        case.generation.number,
        case.prompt.endpoint if case.prompt else None,
        case.complexity,
    )


def _trace_fields(trace: Trace | None, head: RequestHead | None) -> dict[str, str]:
    """What a log record says of the trace that it belongs to; nothing where there is none."""
    found = trace.trace_id if trace else trace_id(head.traceparent) if head else ""
    fields = {"trace_id": found, "span_id": trace.span_id if trace else ""}
    return {name: value for name, value in fields.items() if value}


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
        return {"trace_id": found} if found else _trace_fields(None, self._head)

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

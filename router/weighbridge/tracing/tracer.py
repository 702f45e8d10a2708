"""Traceparents in, at the end of a decision one finished span out.

Who calls us by gRPC is our gateway, and its word on sampling is kept. What a client wrote into its
request names the trace, and decides nothing: else anybody could have all of theirs recorded.
"""

import os
import platform
import random
import time
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from weighbridge import __version__
from weighbridge.classifier import Complexity
from weighbridge.contract import Endpoint, Outcome, SpanAttribute, Stage
from weighbridge.logs import is_sampled
from weighbridge.policy import Decision
from weighbridge.tracing.context import read_traceparent
from weighbridge.tracing.span import Span, Value

NAME: Final = "decide"
SERVICE: Final = "weighbridge-router"
_STAGES = {
    Stage.PARSE: SpanAttribute.PARSE_SECONDS,
    Stage.CLASSIFY: SpanAttribute.CLASSIFY_SECONDS,
    Stage.REFINE: SpanAttribute.REFINE_SECONDS,
}
# Of the registry of semantic conventions; what it has no word for has none.
_OPERATIONS = {
    Endpoint.CHAT: "chat",
    Endpoint.RESPONSES: "chat",
    Endpoint.MESSAGES: "chat",
    Endpoint.COMPLETIONS: "text_completion",
    Endpoint.EMBEDDINGS: "embeddings",
}
_bits = random.Random(os.urandom(16)).getrandbits  # noqa: S311 - ids, no secrets


class Trace(msgspec.Struct):
    """One decision's place in a trace, from its begin to its end.

    Attributes:
        trace_id: "" where nobody traces it.
        parent_id: the caller's span; "" for a root.
        span_id: "" where it is not recorded.
        stages: seconds by stage.
    """

    trace_id: str = ""
    parent_id: str = ""
    span_id: str = ""
    stages: dict[Stage, float] = msgspec.field(default_factory=dict)


class Decided(msgspec.Struct, frozen=True, gc=False):
    """What a span tells of a decision: nothing that a client wrote.

    Attributes:
        decision: as made.
        seconds: from the last byte read to the answer made.
        body_bytes: size of the body as received.
        generation: number of the one that decided.
        endpoint: API shape; None where the body was not read.
        complexity: None where nothing was weighed.
    """

    decision: Decision
    seconds: float
    body_bytes: int
    generation: int
    endpoint: Endpoint | None = None
    complexity: Complexity | None = None


class Tracer:
    """Begins and ends the spans of one router.

    Args:
        sample: share, 0..1, that is recorded of decisions about which no gateway has decided.
        export: takes finished spans; must not wait.
    """

    def __init__(self, sample: float, export: Callable[[Span], None]) -> None:
        self._sample = sample
        self._export = export

    def begin(self, called: str, asked: str) -> Trace:
        """Find a decision's place.

        Args:
            called: traceparent of the gRPC call, "" if it has none.
            asked: traceparent of the client's request, likewise.
        """
        parent = read_traceparent(called)
        if parent is not None:
            span_id = _id(16) if parent.sampled else ""
            return Trace(parent.trace_id, parent.span_id, span_id)
        sampled = is_sampled(self._sample)
        parent = read_traceparent(asked)
        if parent is not None:
            return Trace(parent.trace_id, parent.span_id, _id(16) if sampled else "")
        return Trace(_id(32), "", _id(16)) if sampled else Trace()

    def end(self, trace: Trace, decided: Decided) -> None:
        """Hand over the span of a decision that was just made, if it is recorded."""
        if not trace.span_id:
            return
        end = time.time_ns()
        self._export(
            Span(
                trace_id=trace.trace_id,
                span_id=trace.span_id,
                parent_id=trace.parent_id,
                name=NAME,
                start_ns=end - round(decided.seconds * 1e9),
                end_ns=end,
                attributes=_attributes(trace, decided),
                failed=decided.decision.outcome is Outcome.FAILED,
            )
        )


def resource() -> dict[str, Value]:
    """What all spans of this process are of."""
    return {
        "service.name": SERVICE,
        "service.version": __version__,
        "service.instance.id": f"{platform.node()}:{os.getpid()}",
    }


def _attributes(trace: Trace, decided: Decided) -> Mapping[str, Value]:
    decision, complexity = decided.decision, decided.complexity
    found: dict[str, Value] = {
        SpanAttribute.TIER: decision.tier,
        SpanAttribute.REASON: decision.reason.value,
        SpanAttribute.OUTCOME: decision.outcome.value,
        SpanAttribute.GENERATION: decided.generation,
        SpanAttribute.BODY_SIZE: decided.body_bytes,
    }
    if decision.score is not None:
        found[SpanAttribute.SCORE] = round(decision.score, 3)
    if complexity is not None:
        found[SpanAttribute.CLASSIFIER_STAGE] = complexity.stage
        found[SpanAttribute.REMEMBERED] = complexity.remembered
    if decided.endpoint in _OPERATIONS:
        found[SpanAttribute.OPERATION] = _OPERATIONS[decided.endpoint]
    if decision.outcome is Outcome.FAILED:
        found[SpanAttribute.ERROR] = decision.reason.value
    found.update((_STAGES[stage], round(seconds, 6)) for stage, seconds in trace.stages.items())
    return found


def _id(digits: int) -> str:
    return f"{_bits(4 * digits) or 1:0{digits}x}"

"""One request weighed: its head and body in, the decision out, written to metrics, log and trace.

A case is begun, and finished at once, or after a second stage was asked in between. This is the one
place where failures are caught: each becomes a decision for the fallback tier.
"""

import logging
import time

import msgspec

from weighbridge.body import BodyBuffer, decompress
from weighbridge.capture import Capture
from weighbridge.classifier import Complexity
from weighbridge.contract import (
    ENDPOINT_PATHS,
    Endpoint,
    Outcome,
    Reason,
    Stage,
)
from weighbridge.errors import StreamError
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
        fields = trace_fields(case.trace, case.head)
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


def trace_fields(trace: Trace | None, head: RequestHead | None) -> dict[str, str]:
    """What a log record says of the trace that it belongs to; nothing where there is none."""
    found = trace.trace_id if trace else trace_id(head.traceparent) if head else ""
    fields = {"trace_id": found, "span_id": trace.span_id if trace else ""}
    return {name: value for name, value in fields.items() if value}

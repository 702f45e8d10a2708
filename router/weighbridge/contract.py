"""Every string that the mesh's YAML, a dashboard or a client also spells.

Nothing in here computes. A contract test reads the repository's YAML, JSON and JavaScript and fails
where one of them spells a header, reason or metric that this module does not know.
"""

from enum import StrEnum
from typing import Final

HEADER_TIER: Final = "x-weighbridge-tier"
HEADER_SCORE: Final = "x-weighbridge-score"
HEADER_DECILE: Final = "x-weighbridge-decile"
HEADER_REASON: Final = "x-weighbridge-reason"
HEADER_PREFER: Final = "x-weighbridge-prefer"
HEADER_CANARY: Final = "x-weighbridge-canary"
"""Sent by testers, its value a tier: that tier's canary answers, while one is there. The mesh reads
it (rollouts/chart), the router does not."""

DECISION_HEADERS: Final = (HEADER_TIER, HEADER_SCORE, HEADER_DECILE, HEADER_REASON)
"""Set by the router alone: Envoy removes a client's copies before any filter sees them."""

RETURNED_HEADERS: Final = (HEADER_TIER, HEADER_SCORE, HEADER_REASON)
"""Carried back to the client on the response."""

MODEL_PREFIX: Final = "weighbridge/"
"""A model name such as ``weighbridge/large`` names a tier outright."""

PREFER_AUTO: Final = "auto"
"""The value of the preference header that asks for an ordinary weighing."""


class Reason(StrEnum):
    """Why a request went to its tier. Label of metrics, logs and the response header."""

    SCORE = "score"
    STICKY = "sticky"
    EXPLICIT = "explicit"
    PREFERRED = "preferred"
    CONTEXT_WINDOW = "context-window"
    CAPABILITY = "capability"
    EMBEDDINGS = "embeddings"
    DEADLINE = "deadline"
    NO_BODY = "no-body"
    OTHER_PATH = "other-path"
    NO_TEXT = "no-text"
    UNPARSED = "unparsed"
    OVERSIZED = "oversized"
    ERROR = "error"
    FAIL_OPEN = "fail-open"
    """Never set by the router: Envoy's catch-all route says it when the router did not answer."""


class Capability(StrEnum):
    """What a request needs of a pool beyond text."""

    VISION = "vision"
    AUDIO = "audio"
    TOOLS = "tools"
    JSON_SCHEMA = "json-schema"


class Endpoint(StrEnum):
    """The API shapes whose bodies the router reads."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    EMBEDDINGS = "embeddings"
    OTHER = "other"


ENDPOINT_PATHS: Final = {
    "/v1/chat/completions": Endpoint.CHAT,
    "/v1/completions": Endpoint.COMPLETIONS,
    "/v1/responses": Endpoint.RESPONSES,
    "/v1/messages": Endpoint.MESSAGES,
    "/v1/embeddings": Endpoint.EMBEDDINGS,
}


class Outcome(StrEnum):
    """How a decision came about, so that ratios can be formed."""

    WEIGHED = "weighed"
    """The prompt was read and the policy decided."""
    PASSED = "passed"
    """There was nothing to weigh (no body, another path)."""
    FAILED = "failed"
    """Something failed and the fallback tier was taken."""


class Stage(StrEnum):
    """Parts of a decision whose time is recorded."""

    PARSE = "parse"
    CLASSIFY = "classify"
    REFINE = "refine"
    """Waiting for stage 2 included, up to its answer or its deadline."""


class ReloadResult(StrEnum):
    """What became of a changed settings file or artifact."""

    LOADED = "loaded"
    REFUSED = "refused"


class CaptureResult(StrEnum):
    """What became of a prompt that was drawn for capture."""

    KEPT = "kept"
    TOO_LONG = "too-long"
    """Its body is larger than `capture.prompt_bytes`."""
    NOT_TEXT = "not-text"
    """Images or audio belong to it."""
    UNREADABLE = "unreadable"
    WITHHELD = "withheld"
    """The redaction hook said None."""
    HOOK_FAILED = "hook-failed"
    QUEUE_FULL = "queue-full"
    """The writer did not keep up."""
    UNWRITTEN = "unwritten"
    """The disk did not take it."""


class SpanResult(StrEnum):
    """What became of a span that was recorded."""

    SENT = "sent"
    QUEUE_FULL = "queue-full"
    """The collector did not keep up."""
    REFUSED = "refused"
    """The collector answered, and said no."""
    UNSENT = "unsent"
    """The collector could not be reached, or did not answer."""


class SpanAttribute(StrEnum):
    """All that a span of the router says; the collector lets these pass."""

    TIER = "weighbridge.tier"
    SCORE = "weighbridge.score"
    REASON = "weighbridge.reason"
    OUTCOME = "weighbridge.outcome"
    CLASSIFIER_STAGE = "weighbridge.classifier_stage"
    REMEMBERED = "weighbridge.remembered"
    """The score of the same text was known from before."""
    GENERATION = "weighbridge.generation"
    PARSE_SECONDS = "weighbridge.parse_seconds"
    CLASSIFY_SECONDS = "weighbridge.classify_seconds"
    REFINE_SECONDS = "weighbridge.refine_seconds"
    OPERATION = "gen_ai.operation.name"
    BODY_SIZE = "http.request.body.size"
    ERROR = "error.type"


USAGE_NAMESPACE: Final = "weighbridge.usage"
"""Of the dynamic metadata in which Envoy notes a response's token counts."""

USAGE_KEY: Final = "seen"


class ReceiptField(StrEnum):
    """What Envoy tells the meter of a request: attributes of an OTLP log record."""

    TIER = "tier"
    PATH = "path"
    """As the client asked, without the query."""
    STATUS = "status"
    FLAGS = "flags"
    """Envoy's response flags: who ended it, if not the pool."""
    REQUEST_BYTES = "request_bytes"
    SEEN = "seen"
    """JSON: number of events, first and last usage object in the response."""
    TEAM = "team"
    USER = "user"


class TokenKind(StrEnum):
    """Which tokens a count is of."""

    PROMPT = "prompt"
    COMPLETION = "completion"
    CACHED = "cached"
    """Those of the prompt that the pool had in its prefix cache; they are in `prompt` as well."""


class End(StrEnum):
    """How a response ended."""

    WHOLE = "whole"
    HUNG_UP = "hung-up"
    """The client left before it was over."""
    CUT_OFF = "cut-off"
    """The pool, or the way to it, broke before it was over."""


class Unmetered(StrEnum):
    """Why a request's tokens are not known from the pool's word."""

    NO_USAGE = "no-usage"
    """The answer came whole and told no usage: a stream whose client did not ask for it."""
    HUNG_UP = "hung-up"
    CUT_OFF = "cut-off"
    IMPLAUSIBLE = "implausible"
    """Counts that can't be: more tokens than any request has."""
    REFUSED = "refused"
    """The answer was an error; nothing was generated."""


class Basis(StrEnum):
    """What a cost rests on."""

    REPORTED = "reported"
    """The pool's own counts."""
    ESTIMATED = "estimated"
    """The meter's: bytes of the request, events of the stream."""


class MeterMetric(StrEnum):
    """Names of the meter's metrics, without the suffix that the client library adds."""

    TOKENS = "weighbridge_tokens"
    ESTIMATED_TOKENS = "weighbridge_estimated_tokens"
    METERED_REQUESTS = "weighbridge_metered_requests"
    UNMETERED_REQUESTS = "weighbridge_unmetered_requests"
    COST = "weighbridge_cost_dollars"
    REFERENCE_COST = "weighbridge_reference_cost_dollars"
    UNPRICED_TOKENS = "weighbridge_unpriced_tokens"
    USER_TOKENS = "weighbridge_user_tokens"
    PRICE = "weighbridge_price_dollars_per_million"
    UNREADABLE_RECEIPTS = "weighbridge_unreadable_receipts"


class Metric(StrEnum):
    """Names of the router's own metrics, without the suffix that the client library adds."""

    DECISIONS = "weighbridge_decisions"
    DECISION_SECONDS = "weighbridge_decision_seconds"
    STAGE_SECONDS = "weighbridge_stage_seconds"
    SCORE = "weighbridge_score"
    SCORE_DRIFT_PSI = "weighbridge_score_drift_psi"
    BODY_BYTES = "weighbridge_body_bytes"
    STREAMS = "weighbridge_streams_in_flight"
    FAILURES = "weighbridge_failures"
    RELOADS = "weighbridge_reloads"
    CAPTURE = "weighbridge_capture"
    SPANS = "weighbridge_spans"
    GENERATION = "weighbridge_generation"
    GENERATION_INFO = "weighbridge_generation_info"
    BUILD_INFO = "weighbridge_build_info"
    READY = "weighbridge_ready"

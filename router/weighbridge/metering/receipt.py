"""What Envoy tells of one request in; what is known of its tokens, and how well, out. Pure.

The pool's own counts are taken where the response held them. Where it held none, the events of a
stream and the bytes of the request are all there is, and what they give is an estimate, kept apart.
"""

from typing import Any, Final, NamedTuple

import msgspec

from weighbridge.contract import ENDPOINT_PATHS, End, Endpoint, Unmetered

MOST_TOKENS: Final = 100_000_000
"""More than any request has; the longest contexts are of some ten million."""

_REFUSED = 400
_NOTHING = frozenset({"", "-"})
_GONE = frozenset({"DC", "DR"})
"""Envoy's flags for a client that closed the connection, or reset its stream."""


class Details(msgspec.Struct, frozen=True):
    """Of prompt tokens; pools tell them where started with --enable-prompt-tokens-details."""

    cached_tokens: int | None = None


class Counts(msgspec.Struct, frozen=True):
    """A usage object, under the names that the API shapes have for its counts."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None

    def after(self, first: "Counts") -> "Counts":
        """These, and what only an earlier object told."""
        told = {name: value for name, value in _items(self) if value is not None}
        return msgspec.structs.replace(first, **told)


def _items(counts: Counts) -> list[tuple[str, Any]]:
    return [(name, getattr(counts, name)) for name in counts.__struct_fields__]


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """What Envoy saw in a response.

    Attributes:
        events: of a stream; 0: it was none, or nothing came.
        first: usage object with counts in it; None: there was none.
        last: likewise; the same one, mostly.
    """

    events: int = 0
    first: Counts | None = None
    last: Counts | None = None

    @property
    def counts(self) -> Counts | None:
        """All counts, the last word on each."""
        if self.first is None or self.last is None or self.first == self.last:
            return self.last
        return self.last.after(self.first)


class Receipt(NamedTuple):
    """What Envoy tells of one request.

    Attributes:
        tier: that answered.
        path: as asked, without the query.
        status: of the response; 0: none was sent.
        flags: Envoy's, separated by commas.
        request_bytes: of the body.
        seen: in the response; None: more than can be understood.
        team: as Envoy was told to find it.
        user: likewise.
    """

    tier: str
    path: str
    status: int
    flags: str = ""
    request_bytes: int = 0
    seen: Seen | None = Seen()
    team: str = ""
    user: str = ""

    @property
    def endpoint(self) -> Endpoint | None:
        """The API shape; None: nothing that has tokens."""
        return ENDPOINT_PATHS.get(self.path)

    @property
    def end(self) -> End:
        """How the response ended."""
        flags = {flag for flag in self.flags.split(",") if flag not in _NOTHING}
        if flags & _GONE:
            return End.HUNG_UP
        return End.CUT_OFF if flags else End.WHOLE


class Tokens(NamedTuple):
    """Counts of one request; `cached` are among those of the prompt."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


class Reading(NamedTuple):
    """What is known of a request's tokens.

    Attributes:
        tokens: by the pool's word; None: it gave none that can be.
        unmetered: why not; None where it did.
        streamed: tokens that the stream's events speak of; of a whole answer with usage 0.
    """

    tokens: Tokens | None
    unmetered: Unmetered | None
    streamed: int


def read(receipt: Receipt) -> Reading:
    """Find out what a receipt tells."""
    streamed = _streamed(receipt)
    if receipt.seen is None:
        return Reading(None, Unmetered.IMPLAUSIBLE, streamed)
    tokens = _reported(receipt.seen.counts or Counts(), receipt.endpoint)
    if tokens is None:
        return Reading(None, _reason(receipt), streamed)
    if min(tokens) < 0 or max(tokens) > MOST_TOKENS:
        return Reading(None, Unmetered.IMPLAUSIBLE, streamed)
    return Reading(tokens, None, 0 if receipt.end is End.WHOLE else streamed)


def _reported(counts: Counts, endpoint: Endpoint | None) -> Tokens | None:
    if counts.input_tokens is None:
        prompt, completion = counts.prompt_tokens, counts.completion_tokens
        cached = _cached(counts.prompt_tokens_details)
    else:
        # Anthropic's shape tells apart what the cache had; the others count it among the input.
        cached = counts.cache_read_input_tokens or 0
        prompt = counts.input_tokens + cached + (counts.cache_creation_input_tokens or 0)
        completion = counts.output_tokens
        cached = cached or _cached(counts.input_tokens_details)
    if completion is None and endpoint is Endpoint.EMBEDDINGS:
        completion = 0
    if prompt is None or completion is None:
        return None
    return Tokens(prompt, completion, cached)


def _cached(details: Details | None) -> int:
    return (details.cached_tokens or 0) if details else 0


def _reason(receipt: Receipt) -> Unmetered:
    if receipt.end is End.HUNG_UP:
        return Unmetered.HUNG_UP
    if receipt.status >= _REFUSED or not receipt.status:
        return Unmetered.REFUSED
    return Unmetered.CUT_OFF if receipt.end is End.CUT_OFF else Unmetered.NO_USAGE


class _Frame(NamedTuple):
    """Events of a stream that bear no token, at its head and at its end."""

    head: int
    tail: int


_FRAMES = {
    Endpoint.CHAT: _Frame(1, 1),  # whose turn it is; [DONE]
    Endpoint.COMPLETIONS: _Frame(0, 1),
    Endpoint.MESSAGES: _Frame(2, 3),
    Endpoint.RESPONSES: _Frame(4, 4),
}


def _streamed(receipt: Receipt) -> int:
    events, endpoint = receipt.seen.events if receipt.seen else 0, receipt.endpoint
    if not events or endpoint not in _FRAMES:
        return 0
    frame = _FRAMES[endpoint]
    without = frame.head + (frame.tail if receipt.end is End.WHOLE else 0)
    return max(0, events - without)

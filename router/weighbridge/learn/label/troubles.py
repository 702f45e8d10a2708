"""What can come of a request but an answer: an exception of the client in, a `Trouble` out.

The kinds differ in what was paid and in what helps. A request that never reached the server, or
that it turned away, cost nothing and is sent again. One whose connection broke may have been paid
for. One that ran into the timeout would do so again, and be paid for again.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

import msgspec
import openai

_WORDS_CHARS = 300
_UNSENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
"""Of httpx: raised before a byte of the request left. By name, since openai has changed the
package that they come from."""
_WRONG_SETUP = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
    }
)
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT})


class Kind(StrEnum):
    """What to do about it."""

    UNREACHED = "unreached"
    """Not sent: try again."""
    BUSY = "busy"
    """Turned away for now: try again, when the server says."""
    FAULTY = "faulty"
    """The server failed at it: try again, but not for ever; it may be the prompt."""
    BROKEN = "broken"
    """The answer was lost on the way: try again, but it may have been paid for."""
    TIMEOUT = "timeout"
    """No answer in time; may have been paid for: leave this prompt."""
    REFUSED = "refused"
    """The server won't answer this prompt: leave it."""
    SETUP = "setup"
    """Key, address or model are wrong: nothing will be answered."""


class Trouble(msgspec.Struct, frozen=True):
    """A request that got no answer.

    Attributes:
        kind: what to do about it.
        words: for people, and for the journal.
        retry_after_s: seconds that the server asks to wait; None: it doesn't say.
    """

    kind: Kind
    words: str
    retry_after_s: float | None = None

    @property
    def charged(self) -> bool:
        """It may have been paid for."""
        return self.kind in {Kind.BROKEN, Kind.TIMEOUT}


def understand(error: Exception, timeout_s: float) -> Trouble:
    """Make a trouble of what the client raised."""
    if isinstance(error, openai.APIStatusError):
        return _status(error)
    if isinstance(error, openai.APIConnectionError):
        cause = type(error.__cause__).__name__
        if cause in _UNSENT:
            return Trouble(Kind.UNREACHED, f"no connection ({error.__cause__ or cause})")
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return Trouble(Kind.TIMEOUT, f"no whole answer within {timeout_s:g} s")
    # Also bodies that are no JSON (ValueError): whatever it was, it was sent as an answer.
    return Trouble(Kind.BROKEN, f"no whole answer ({_cut(str(error.__cause__ or error))})")


def _status(error: openai.APIStatusError) -> Trouble:
    status = error.status_code
    words = f"status {status}: {_cut(_message(error))}"
    if status in _WRONG_SETUP or error.code == "insufficient_quota":
        return Trouble(Kind.SETUP, words)
    if status in _BUSY:
        return Trouble(Kind.BUSY, words, _retry_after(error))
    if status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Trouble(Kind.FAULTY, words, _retry_after(error))
    return Trouble(Kind.REFUSED, words)


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    return error.message


def _retry_after(error: openai.APIStatusError) -> float | None:
    text = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _WORDS_CHARS else text[: _WORDS_CHARS - 1] + "…"

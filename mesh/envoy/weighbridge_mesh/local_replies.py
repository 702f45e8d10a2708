"""What a client reads where Envoy itself answers: OpenAI's error shape, whatever went wrong.

Client libraries parse every error as JSON with ``error.message``; Envoy's own texts would surface
as a parser's failure. The texts are fixed: nothing of the request is echoed.
"""

import json
from dataclasses import dataclass

from weighbridge_mesh.options import MEBIBYTE
from weighbridge_mesh.proto import Config

_INVALID = "invalid_request_error"
_SERVER = "server_error"


@dataclass(frozen=True)
class LocalReply:
    """One answer of Envoy's.

    Attributes:
        status: HTTP status it is for; 0: any other from 400 up.
        code: stable word for programs.
        message: sentence for people.
        kind: OpenAI's ``type``.
        flags: response flags that it is for; empty: any.
    """

    status: int
    code: str
    message: str
    kind: str = _SERVER
    flags: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        """The JSON that the client reads."""
        error = {"message": self.message, "type": self.kind, "param": None, "code": self.code}
        return json.dumps({"error": error})


def local_replies(body_limit: str) -> tuple[LocalReply, ...]:
    """List the answers, the first that fits wins.

    Args:
        body_limit: the greatest request body, in words.
    """
    return (
        LocalReply(400, "bad_request", "The gateway can't read this HTTP request.", _INVALID),
        # 401, 403 and 429 come of a mesh's policies: a stand-alone Envoy has none.
        LocalReply(
            401, "invalid_api_key", "The credentials of this request are not valid.", _INVALID
        ),
        LocalReply(
            403,
            "permission_denied",
            "This request carries no credentials, or they don't allow it.",
            _INVALID,
        ),
        LocalReply(404, "not_found", "The gateway has no route for this request.", _INVALID),
        LocalReply(
            408,
            "request_timeout",
            "The request did not arrive in time. Send it again.",
            _INVALID,
        ),
        LocalReply(
            413,
            "request_too_large",
            f"The request body is larger than the limit of {body_limit}.",
            _INVALID,
        ),
        LocalReply(
            429,
            "rate_limit_exceeded",
            "Too many requests came from this client. Slow down, and try again shortly.",
            "requests",
        ),
        LocalReply(431, "headers_too_large", "The request headers are too large.", _INVALID),
        LocalReply(
            502, "bad_gateway", "The model server sent an answer that the gateway can't read."
        ),
        LocalReply(
            503,
            "overloaded",
            "Too many requests are in flight. Try again shortly.",
            flags=("UO", "OM"),
        ),
        LocalReply(
            503,
            "connection_lost",
            "The model server dropped the connection before it answered. Try again.",
            flags=("UC", "UR", "UT"),
        ),
        LocalReply(
            503, "no_healthy_upstream", "No model server is available for this request. Try again."
        ),
        LocalReply(504, "timeout", "The model server did not answer in time."),
        LocalReply(0, "gateway_error", "The gateway could not complete this request."),
    )


def local_reply_config(body_limit: str) -> Config:
    """Make the connection manager's ``local_reply_config``."""
    return {"mappers": [_mapper(reply) for reply in local_replies(body_limit)]}


def _mapper(reply: LocalReply) -> Config:
    # text_format rather than json_format: it keeps the order of the keys, and a null.
    return {
        "filter": _matching(reply),
        "body_format_override": {
            "text_format_source": {"inline_string": reply.body.replace("%", "%%") + "\n"},
            "content_type": "application/json",
        },
    }


def _matching(reply: LocalReply) -> Config:
    status = _status("EQ", reply.status) if reply.status else _status("GE", 400)
    if not reply.flags:
        return status
    flagged = {"response_flag_filter": {"flags": list(reply.flags)}}
    return {"and_filter": {"filters": [status, flagged]}}


def _status(operator: str, value: int) -> Config:
    # Envoy demands a runtime key; this one is never set.
    compared = {"default_value": value, "runtime_key": f"weighbridge.local_reply.{value}"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": compared}}}


def size(count: int) -> str:
    """Put a number of bytes in words."""
    if count % MEBIBYTE == 0:
        return f"{count // MEBIBYTE} MiB ({count} bytes)"
    return f"{count} bytes"

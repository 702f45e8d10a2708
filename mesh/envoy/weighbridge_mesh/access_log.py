"""One JSON line per request: where it went and why, how long it took; never what was in it.

Two keys name Envoy's view of the router: microseconds from a message sent until its answer, null
where no message was sent or none came. Text of the request is confined to the path (no query),
host name, user agent and ids.
"""

from weighbridge.contract import HEADER_DECILE, HEADER_REASON, HEADER_SCORE, HEADER_TIER

from weighbridge_mesh.filter_chain import EXT_PROC
from weighbridge_mesh.proto import Config, typed

FIELDS: Config = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "method": "%REQ(:METHOD)%",
    # ORIG: what the client asked for. NQ: without the query, where keys and text may stand.
    "path": "%PATH(NQ:PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    # From the request's first byte to the response's last, and to the response's first.
    "duration_ms": "%DURATION%",
    "ttfb_ms": "%RESPONSE_DURATION%",
    "tier": f"%REQ({HEADER_TIER})%",
    "score": f"%REQ({HEADER_SCORE})%",
    "decile": f"%REQ({HEADER_DECILE})%",
    "reason": f"%REQ({HEADER_REASON})%",
    "router_headers_us": f"%FILTER_STATE({EXT_PROC}:FIELD:request_header_latency_us)%",
    "router_body_us": f"%FILTER_STATE({EXT_PROC}:FIELD:request_body_max_latency_us)%",
    "route": "%ROUTE_NAME%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
    "upstream_host": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "traceparent": "%REQ(TRACEPARENT)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "authority": "%REQ(:AUTHORITY)%",
    "user_agent": "%REQ(USER-AGENT)%",
}


TRACE_FIELDS: Config = {"trace_id": "%TRACE_ID%", "span_id": "%SPAN_ID%"}
"""Of Envoy's own span, also where it is not recorded; only where tracing is on."""


def access_log(path: str | None, *, traced: bool = False) -> Config:
    """Make the access logger.

    Args:
        path: file to append to; None: standard output.
        traced: Envoy makes spans.
    """
    line = {"json_format": FIELDS | TRACE_FIELDS if traced else FIELDS}
    if path is None:
        return typed(
            "envoy.access_loggers.stdout",
            "access_loggers.stream.v3.StdoutAccessLog",
            log_format=line,
        )
    return typed(
        "envoy.access_loggers.file",
        "access_loggers.file.v3.FileAccessLog",
        path=path,
        log_format=line,
    )

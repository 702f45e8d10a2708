"""The one source of what Envoy needs around the router, whoever runs Envoy.

`FilterOptions` in, proto-JSON out: the ext_proc filter, the early removal of client copies of our
headers, the buffer limit, and the headers that tell a client of the decision. The stand-alone
bootstrap and the mesh's EnvoyFilter are both rendered from here, so that they can't differ.
"""

import re

from weighbridge.contract import (
    DECISION_HEADERS,
    HEADER_PREFER,
    HEADER_REASON,
    HEADER_TIER,
    RETURNED_HEADERS,
    Reason,
)

from weighbridge_mesh.options import BodyMode, FilterOptions
from weighbridge_mesh.proto import Config, seconds, typed

FORWARDED_HEADERS = (
    ":path",
    ":method",
    "content-type",
    "content-encoding",
    "content-length",
    "traceparent",
    HEADER_PREFER,
)
"""All that the router gets to see: Authorization and cookies never leave Envoy for it."""

EXT_PROC = "envoy.filters.http.ext_proc"


def ext_proc_filter(options: FilterOptions) -> Config:
    """Make the filter that asks the router.

    `route_cache_action` stays DEFAULT: the routes are matched anew where an answer says
    ``clear_route_cache``, and the empty answer to headers whose body is still to come does not.
    """
    return typed(
        EXT_PROC,
        "filters.http.ext_proc.v3.ExternalProcessor",
        grpc_service=_grpc_service(options),
        # Router trouble must not become the client's.
        failure_mode_allow=options.failure_mode_allow,
        processing_mode=_processing_mode(options.body_mode),
        # Per message, and in FULL_DUPLEX_STREAMED not at all. max_message_timeout stays 0: the
        # router may not lengthen it by itself.
        message_timeout=seconds(options.message_timeout_s),
        forward_rules={"allowed_headers": {"patterns": [{"exact": h} for h in FORWARDED_HEADERS]}},
        mutation_rules=_mutation_rules(),
        # The router says where, never what: it can't answer in a pool's stead.
        disable_immediate_response=True,
        stat_prefix="weighbridge",
    )


def router_filter() -> Config:
    """Make the last filter of the chain, which sends the request on.

    The client sees a model API, not Envoy: no x-envoy headers in either direction.
    """
    return typed(
        "envoy.filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True
    )


def early_header_mutation() -> Config:
    """Make the removal of client copies of our headers, before any filter and for any request.

    Without it a spoofed tier would be obeyed whenever the router does not answer.
    """
    return typed(
        "envoy.http.early_header_mutation.header_mutation",
        "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=[{"remove": name} for name in DECISION_HEADERS],
    )


def buffer_limit(options: FilterOptions) -> Config:
    """Make the virtual host's limit of a buffered body.

    Envoy's own, 1 MiB, answers 413 before the filter could fail open. The listener's
    ``per_connection_buffer_limit_bytes`` would lift it too, but also lets that much of every
    response pile up before a slow reader; this one is about request bodies alone.
    """
    return {"request_body_buffer_limit": options.body_bytes}


def decided_headers() -> Config:
    """Make a route's answer to the client: what the request's own decision headers say."""
    return {
        # Removal comes first in Envoy, so a pool's own copy goes even where we have no value.
        "response_headers_to_remove": list(DECISION_HEADERS),
        "response_headers_to_add": [_overwrite(n, f"%REQ({n})%") for n in RETURNED_HEADERS],
    }


def fail_open_headers(tier: str) -> Config:
    """Make the catch-all's: tell pool, log and client alike that nobody weighed this request.

    The values are set on the request and read from there for the response. Set on the response
    outright they would also stand on a 413, which went nowhere.
    """
    values = {HEADER_TIER: tier, HEADER_REASON: Reason.FAIL_OPEN.value}
    return {
        # A tier that no route knows ends here as well, and its score would mislead.
        "request_headers_to_remove": [name for name in DECISION_HEADERS if name not in values],
        "request_headers_to_add": [_overwrite(name, value) for name, value in values.items()],
        **decided_headers(),
    }


def _overwrite(name: str, value: str) -> Config:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        "keep_empty_value": False,
    }


def _grpc_service(options: FilterOptions) -> Config:
    # No `timeout`: it would bound the stream, and with it how slowly a client may upload.
    return {
        "envoy_grpc": {
            "cluster_name": options.cluster,
            "authority": options.host,
        },
        # A router that leaves refuses the stream before it has read anything of it: ask another.
        # (`envoy_grpc.retry_policy` is another thing, for xDS alone.)
        "retry_policy": {
            "retry_on": SAFE_RETRIES,
            "num_retries": 2,
            "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.02s"},
            **PREFER_OTHER_HOST,
        },
    }


SAFE_RETRIES = "connect-failure,refused-stream,reset-before-request"
"""Only what the other side can't have begun: answers are neither idempotent nor cheap."""

PREFER_OTHER_HOST: Config = {
    "retry_host_predicate": [
        typed(
            "envoy.retry_host_predicates.previous_hosts",
            "retry.host.previous_hosts.v3.PreviousHostsPredicate",
        )
    ],
    "host_selection_retry_max_attempts": 3,
}


def _processing_mode(body_mode: BodyMode) -> Config:
    # Responses are not shown at all: SSE bytes arrive as the pool sent them, and the router can
    # end its stream after the decision. Envoy demands trailers in FULL_DUPLEX_STREAMED.
    duplex = body_mode is BodyMode.FULL_DUPLEX_STREAMED
    return {
        "request_header_mode": "SEND",
        "request_body_mode": body_mode.value,
        "request_trailer_mode": "SEND" if duplex else "SKIP",
        "response_header_mode": "SKIP",
        "response_body_mode": "NONE",
        "response_trailer_mode": "SKIP",
    }


def _mutation_rules() -> Config:
    ours = "|".join(re.escape(name).replace(r"\-", "-") for name in DECISION_HEADERS)
    return {"disallow_all": True, "allow_expression": {"regex": f"^({ours})$"}}

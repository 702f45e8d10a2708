"""What the connection manager does for a public model API, whoever runs Envoy: plain values out."""

from weighbridge_mesh.options import MEBIBYTE
from weighbridge_mesh.proto import Config


def edge() -> Config:
    """Make the connection manager's stance towards clients."""
    return {
        "use_remote_address": True,
        # Nobody is internal: else a client on a private address could set x-envoy-retry-on, and
        # have an answer begun twice.
        "internal_address_config": {
            "cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]
        },
        # For joining logs: the client's id if it sent one; either way it is told.
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        # "/v1//chat/completions", from a base URL that ends in a slash, is mended. "%2F" stays:
        # model names have slashes (GET /v1/models/meta-llama%2FLlama-3).
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "common_http_protocol_options": {
            "idle_timeout": "900s",
            # x_weighbridge_tier must not pass for x-weighbridge-tier anywhere behind us.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {
            # One client library may hold hundreds of streaming answers on one connection.
            "max_concurrent_streams": 1000,
            "initial_stream_window_size": MEBIBYTE,
            "initial_connection_window_size": 4 * MEBIBYTE,
        },
    }


def timeouts(stream_idle: str) -> Config:
    """Make the connection manager's timeouts.

    Args:
        stream_idle: silence after which a request is given up, as proto-JSON writes durations.
    """
    return {
        "stream_idle_timeout": stream_idle,
        # Bounds on a client that sends its request byte by byte, not on the answer.
        "request_headers_timeout": "10s",
        "request_timeout": "300s",
    }

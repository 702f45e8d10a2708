"""A whole stand-alone Envoy: `BootstrapOptions` in, proto-JSON or YAML out."""

import yaml

from weighbridge_mesh.access_log import access_log
from weighbridge_mesh.clusters import pool_cluster, router_cluster
from weighbridge_mesh.filter_chain import early_header_mutation, ext_proc_filter
from weighbridge_mesh.local_replies import local_reply_config
from weighbridge_mesh.options import MEBIBYTE, BootstrapOptions
from weighbridge_mesh.proto import Config, address, seconds, typed, typed_config
from weighbridge_mesh.routes import route_configuration


def bootstrap(options: BootstrapOptions) -> Config:
    """Render Envoy's bootstrap as plain values."""
    rendered: Config = {
        "node": {"id": "weighbridge", "cluster": "weighbridge"},
        "static_resources": {
            "listeners": [_listener(options)],
            "clusters": [
                router_cluster(options),
                *(pool_cluster(options, pool) for pool in options.pools),
            ],
        },
        "overload_manager": _overload(options),
    }
    if options.admin is not None:
        rendered["admin"] = {"address": address(options.admin), "ignore_global_conn_limit": True}
    return rendered


def to_yaml(rendered: Config, header: str = "") -> str:
    """Write a rendering as YAML, without anchors, keys in the order in which they were made.

    Args:
        rendered: plain values.
        header: comment lines to stand on top.
    """
    text = yaml.dump(rendered, Dumper=_PlainDumper, sort_keys=False, width=100)
    return "".join(f"# {line}\n" for line in header.splitlines()) + text


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True


def _listener(options: BootstrapOptions) -> Config:
    manager = typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        **_connection_manager(options),
    )
    return {
        "name": "weighbridge",
        "address": address(options.listen),
        # What may pile up for a client that reads slowly. Bodies have their own, larger limit.
        "per_connection_buffer_limit_bytes": MEBIBYTE,
        "filter_chains": [{"filters": [manager]}],
    }


def _connection_manager(options: BootstrapOptions) -> Config:
    return {
        "stat_prefix": "ingress",
        "codec_type": "AUTO",
        "route_config": route_configuration(options),
        "early_header_mutation_extensions": [early_header_mutation()],
        "http_filters": [ext_proc_filter(options.filter), _router_filter()],
        "local_reply_config": local_reply_config(options.filter),
        "access_log": [access_log(options.access_log)],
        **_edge(),
        **_timeouts(options),
    }


def _router_filter() -> Config:
    # The client sees a model API, not Envoy: no x-envoy headers in either direction.
    return typed(
        "envoy.filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True
    )


def _edge() -> Config:
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


def _timeouts(options: BootstrapOptions) -> Config:
    return {
        "stream_idle_timeout": seconds(options.stream_idle_timeout_s),
        # Bounds on a client that sends its request byte by byte, not on the answer.
        "request_headers_timeout": "10s",
        "request_timeout": "300s",
    }


def _overload(options: BootstrapOptions) -> Config:
    limit = typed_config(
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=options.connections,
    )
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return {"resource_monitors": [{"name": name, "typed_config": limit}]}

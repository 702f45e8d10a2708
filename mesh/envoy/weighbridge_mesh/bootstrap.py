"""A whole stand-alone Envoy: `BootstrapOptions` in, proto-JSON or YAML out."""

import yaml

from weighbridge_mesh.access_log import access_log
from weighbridge_mesh.clusters import collector_cluster, meter_cluster, pool_cluster, router_cluster
from weighbridge_mesh.edge import edge, timeouts
from weighbridge_mesh.filter_chain import (
    early_header_mutation,
    ext_proc_filter,
    router_filter,
)
from weighbridge_mesh.local_replies import local_reply_config, size
from weighbridge_mesh.metering import receipt_log, usage_filter
from weighbridge_mesh.options import MEBIBYTE, BootstrapOptions, TracingOptions
from weighbridge_mesh.proto import Config, address, seconds, typed, typed_config
from weighbridge_mesh.routes import route_configuration
from weighbridge_mesh.tracing import request_id, runtime, tracing


def bootstrap(options: BootstrapOptions) -> Config:
    """Render Envoy's bootstrap as plain values."""
    rendered: Config = {
        "node": {"id": "weighbridge", "cluster": "weighbridge"},
        "static_resources": {
            "listeners": [_listener(options)],
            "clusters": [
                router_cluster(options),
                *(pool_cluster(options, pool) for pool in options.pools),
                *([meter_cluster(options.metering)] if options.metering else []),
                *([collector_cluster(options.tracing)] if options.tracing else []),
            ],
        },
        "overload_manager": _overload(options),
    }
    if options.admin is not None:
        rendered["admin"] = {"address": address(options.admin), "ignore_global_conn_limit": True}
    if options.tracing is not None:
        rendered["layered_runtime"] = runtime()
    return rendered


def to_yaml(rendered: Config, header: str = "", width: int = 100) -> str:
    """Write a rendering as YAML, without anchors, keys in the order in which they were made.

    Args:
        rendered: plain values.
        header: comment lines to stand on top.
        width: columns after which long texts are folded.
    """
    text = yaml.dump(rendered, Dumper=_PlainDumper, sort_keys=False, width=width)
    return "".join(f"# {line}\n" for line in header.splitlines()) + text


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class's signature
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Write scripts as they were written."""
        return self.represent_scalar(
            "tag:yaml.org,2002:str", data, style="|" if "\n" in data else None
        )


_PlainDumper.add_representer(str, _PlainDumper.represent_str)


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
    metering = options.metering
    return {
        **(_spans(options.tracing) if options.tracing else {}),
        "stat_prefix": "ingress",
        "codec_type": "AUTO",
        "route_config": route_configuration(options),
        "early_header_mutation_extensions": [early_header_mutation()],
        "http_filters": [
            ext_proc_filter(options.filter),
            *([usage_filter()] if metering else []),
            router_filter(),
        ],
        "local_reply_config": local_reply_config(size(options.filter.body_bytes)),
        "access_log": [
            access_log(options.access_log, traced=options.tracing is not None),
            *([receipt_log(metering)] if metering else []),
        ],
        **edge(),
        **timeouts(seconds(options.stream_idle_timeout_s)),
    }


def _spans(options: TracingOptions) -> Config:
    return {"tracing": tracing(options), "request_id_extension": request_id()}


def _overload(options: BootstrapOptions) -> Config:
    limit = typed_config(
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=options.connections,
    )
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return {"resource_monitors": [{"name": name, "typed_config": limit}]}

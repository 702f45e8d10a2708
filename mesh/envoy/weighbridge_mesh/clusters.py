"""Clusters of the stand-alone Envoy: the router's, and one per pool of vLLM."""

from collections.abc import Sequence

from weighbridge_mesh.options import (
    BootstrapOptions,
    Endpoint,
    FilterOptions,
    MeteringOptions,
    Pool,
    TracingOptions,
)
from weighbridge_mesh.proto import Config, address, seconds, typed_config

EXT_PROC_SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
"""Name that the router's gRPC health answers to."""

NO_PANIC: Config = {"healthy_panic_threshold": {"value": 0}}

METER_BATCHES = 64
COLLECTOR_EXPORTS = 16
METER_HTTP2: Config = {"connection_keepalive": {"interval": "5s", "timeout": "5s"}}

_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def router_cluster(options: BootstrapOptions) -> Config:
    """Make the router's cluster: HTTP/2, health checked each second, never in panic."""
    name = options.filter.cluster
    return {
        "name": name,
        **_discovery(options.router),
        "connect_timeout": seconds(options.filter.message_timeout_s),
        # Fewest streams in flight: a router that hangs collects streams, and gets no more of them.
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": _assignment(name, options.router),
        # With no healthy router a request goes on at once; by default Envoy would spread it over
        # the unhealthy ones, and each request would wait for its message_timeout.
        "common_lb_config": NO_PANIC,
        "health_checks": [router_health(options.filter)],
        "circuit_breakers": _breakers(options.requests),
        **http2_protocol(_router_http2()),
    }


def pool_cluster(options: BootstrapOptions, pool: Pool) -> Config:
    """Make a pool's cluster."""
    cluster: Config = {
        "name": pool.cluster,
        **_discovery(pool.endpoints),
        "connect_timeout": "1s",
        # Answers differ a hundredfold in length: requests in flight are what loads a vLLM.
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": _assignment(pool.cluster, pool.endpoints),
        "circuit_breakers": _breakers(options.requests),
        "outlier_detection": outlier_detection(),
        **_protocol(
            common_http_protocol_options={"idle_timeout": seconds(options.pool_idle_timeout_s)},
            explicit_http_config={"http_protocol_options": {}},
        ),
    }
    if options.pool_health_path is not None:
        cluster["health_checks"] = [_pool_health(options.pool_health_path)]
    return cluster


def meter_cluster(options: MeteringOptions) -> Config:
    """Make the meter's cluster: HTTP/2; nobody waits for it, so nobody asks for its health."""
    return {
        "name": options.cluster,
        **_discovery((options.meter,)),
        "connect_timeout": "1s",
        "load_assignment": _assignment(options.cluster, (options.meter,)),
        # What a meter that hangs may keep in our memory: so many batches, and for so long.
        "circuit_breakers": {"thresholds": [{"max_requests": METER_BATCHES}]},
        **http2_protocol(METER_HTTP2),
    }


def collector_cluster(options: TracingOptions) -> Config:
    """Make the collector's cluster; nobody waits for it either."""
    bounds = dict.fromkeys(("max_connections", "max_pending_requests"), COLLECTOR_EXPORTS)
    return {
        "name": options.cluster,
        **_discovery((options.collector,)),
        "connect_timeout": "1s",
        "load_assignment": _assignment(options.cluster, (options.collector,)),
        # What a collector that hangs may keep in our memory: so many exports.
        "circuit_breakers": {"thresholds": [bounds]},
        **_protocol(explicit_http_config={"http_protocol_options": {}}),
    }


def _discovery(endpoints: Sequence[Endpoint]) -> Config:
    if all(endpoint.is_static for endpoint in endpoints):
        return {"type": "STATIC"}
    return {"type": "STRICT_DNS"}


def _assignment(cluster: str, endpoints: Sequence[Endpoint]) -> Config:
    hosts = [{"endpoint": {"address": address(endpoint)}} for endpoint in endpoints]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": hosts}]}


def http2_protocol(options: Config) -> Config:
    """Make a cluster's protocol: HTTP/2 with these options."""
    return _protocol(explicit_http_config={"http2_protocol_options": options})


def _protocol(**fields: Config) -> Config:
    options = typed_config("upstreams.http.v3.HttpProtocolOptions", **fields)
    return {"typed_extension_protocol_options": {_PROTOCOL_OPTIONS: options}}


def _router_http2() -> Config:
    # These windows are what the router may send to us: some hundred bytes per request. How fast a
    # 3 MB body goes the other way is up to the windows that the router's gRPC server offers.
    return {
        "initial_stream_window_size": 65_536,
        "initial_connection_window_size": 1_048_576,
        "max_concurrent_streams": 10_000,
    }


def router_health(options: FilterOptions) -> Config:
    """Make the router's health check."""
    # NOT_SERVING counts at the first answer; silence (a hung router) at the second.
    return {
        "timeout": "0.5s",
        "interval": "1s",
        "no_traffic_interval": "1s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "grpc_health_check": {"service_name": EXT_PROC_SERVICE, "authority": options.host},
    }


def _pool_health(path: str) -> Config:
    # A vLLM under load answers late; only one that stays silent for long is left out.
    return {
        "timeout": "3s",
        "interval": "2s",
        "no_traffic_interval": "2s",
        "unhealthy_threshold": 3,
        "healthy_threshold": 1,
        "http_health_check": {"path": path},
    }


def _breakers(requests: int) -> Config:
    return {
        "thresholds": [
            {
                "max_connections": requests,
                "max_pending_requests": requests,
                "max_requests": requests,
                "max_retries": 100,
            }
        ]
    }


def outlier_detection() -> Config:
    """Make what takes a server out that fails by itself."""
    # Not by 5xx and not by success rate: a prompt that breaks vLLM could, sent five times, take
    # its server from everybody. Lost connections and 502 to 504 are the server's own.
    return {
        "split_external_local_origin_errors": True,
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        "consecutive_local_origin_failure": 3,
        "interval": "5s",
        "base_ejection_time": "10s",
        "max_ejection_percent": 50,
    }

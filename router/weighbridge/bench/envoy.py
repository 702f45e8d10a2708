"""The Envoy of the benchmark: the mesh's own configuration, three times, before one fixed answer.

One process with one worker, a listener per target, so that what differs between two numbers is the
filter alone. There are no pools: a route that would lead to one answers by itself.
"""

from copy import deepcopy
from enum import StrEnum

from weighbridge_mesh.bootstrap import bootstrap
from weighbridge_mesh.options import BootstrapOptions, Endpoint, FilterOptions
from weighbridge_mesh.proto import Config, typed

LOOPBACK = "127.0.0.1"
_ANSWER = {"status": 200, "body": {"inline_string": '{"object":"chat.completion"}\n'}}

ENOUGH_S = 5.0
"""At saturation waiting is what is measured; the default of 0.2 s would end it by failing open."""


class Target(StrEnum):
    """What a request passes on its way."""

    PLAIN = "plain"
    """Envoy alone: it reads the whole body and answers."""
    EMPTY = "empty"
    """The filter with the empty handler."""
    ROUTER = "router"
    """The filter with the router."""


def bench_bootstrap(listen: dict[Target, int], asked: dict[Target, int], admin_port: int) -> Config:
    """Render the bootstrap.

    Args:
        listen: port of each target's listener.
        asked: port of what the filter asks, for the targets that have one.
        admin_port: of Envoy's admin interface.
    """
    parts = {
        target: _one(target, port, asked.get(target, 1), admin_port)
        for target, port in listen.items()
    }
    merged = deepcopy(next(iter(parts.values())))
    merged["static_resources"] = {
        "listeners": [_listener(part, target) for target, part in parts.items()],
        # The first cluster is the router's; the others are pools, which are not needed here.
        "clusters": [
            part["static_resources"]["clusters"][0]
            for target, part in parts.items()
            if target in asked
        ],
    }
    return merged


def _one(target: Target, port: int, asked: int, admin_port: int) -> Config:
    return bootstrap(
        BootstrapOptions(
            filter=FilterOptions(cluster=f"bench-{target}", message_timeout_s=ENOUGH_S),
            listen=Endpoint(LOOPBACK, port),
            admin=Endpoint(LOOPBACK, admin_port),
            router=(Endpoint(LOOPBACK, asked),),
            access_log="/dev/null",
        )
    )


def _listener(part: Config, target: Target) -> Config:
    listener: Config = part["static_resources"]["listeners"][0]
    listener["name"] = target.value
    # A route that answers by itself has no body limit of its own: the listener's counts, for all.
    listener["per_connection_buffer_limit_bytes"] = FilterOptions().body_bytes
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    for host in manager["route_config"]["virtual_hosts"]:
        for route in host["routes"]:
            del route["route"]
            route["direct_response"] = _ANSWER
            if "request_headers_to_add" in route:
                # Nothing is sent on, so nothing is added to what is sent on, and the response
                # can't read it there: the catch-all says fail-open outright.
                route["response_headers_to_add"] = route["request_headers_to_add"]
    if target is Target.PLAIN:
        # The buffer filter in place of ours: it waits for the body, as any real use of it does.
        # Without it Envoy would answer at the headers and drop the connection.
        manager["http_filters"][0] = typed(
            "envoy.filters.http.buffer",
            "filters.http.buffer.v3.Buffer",
            max_request_bytes=FilterOptions().body_bytes,
        )
    return listener

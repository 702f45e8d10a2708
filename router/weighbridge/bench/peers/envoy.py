"""The Envoy of the side by side: three ways into it, and a listener that answers for all pools.

As in `bench.envoy` one process with one worker, but here the routes are the mesh's own and lead
to pools, because LiteLLM must send its requests somewhere: all four targets ask the same listener.
"""

import json
from copy import deepcopy
from enum import StrEnum
from typing import Final

from weighbridge_mesh.bootstrap import bootstrap
from weighbridge_mesh.filter_chain import router_filter
from weighbridge_mesh.options import BootstrapOptions, Endpoint, FilterOptions, Pool
from weighbridge_mesh.proto import Config, address, typed

from weighbridge.bench.envoy import ENOUGH_S, LOOPBACK
from weighbridge.bench.peers.litellm import LARGE, SMALL

POOL_HEADER: Final = "x-bench-pool"
"""Of an answer: the pool that a path named. LiteLLM hands it on with a prefix of its own."""

_ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Yes."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)


class Side(StrEnum):
    """What a request passes on its way to the pool."""

    PLAIN = "plain"
    """Envoy alone, which reads the whole body and sends it on."""
    EMPTY = "empty"
    """Envoy, whose filter asks the empty handler."""
    ROUTER = "router"
    """Envoy, whose filter asks the router."""
    LITELLM = "litellm"
    """The LiteLLM proxy in Envoy's place."""


def peers_bootstrap(
    listen: dict[Side, int], asked: dict[Side, int], pool_port: int, admin_port: int
) -> Config:
    """Render the bootstrap.

    Args:
        listen: port of each target's listener; LiteLLM has its own and is left out.
        asked: port of what the filter asks, for the targets that have one.
        pool_port: where the answers come from.
        admin_port: of Envoy's admin interface.
    """
    parts = {
        side: _one(side, port, asked.get(side, 1), pool_port, admin_port)
        for side, port in listen.items()
        if side is not Side.LITELLM
    }
    merged = deepcopy(parts[Side.PLAIN])
    _, *pools = merged["static_resources"]["clusters"]
    merged["static_resources"] = {
        "listeners": [
            *(_listener(part, side) for side, part in parts.items()),
            _pool_listener(pool_port),
        ],
        # The first cluster of each is what its filter asks; the pools are the same for all.
        "clusters": [
            *(part["static_resources"]["clusters"][0] for s, part in parts.items() if s in asked),
            *pools,
        ],
    }
    return merged


def _one(side: Side, port: int, asked: int, pool_port: int, admin_port: int) -> Config:
    pool = (Endpoint(LOOPBACK, pool_port),)
    return bootstrap(
        BootstrapOptions(
            filter=FilterOptions(cluster=f"bench-{side}", message_timeout_s=ENOUGH_S),
            listen=Endpoint(LOOPBACK, port),
            admin=Endpoint(LOOPBACK, admin_port),
            router=(Endpoint(LOOPBACK, asked),),
            pools=(Pool(SMALL, pool), Pool(LARGE, pool)),
            pool_health_path=None,
            access_log="/dev/null",
        )
    )


def _listener(part: Config, side: Side) -> Config:
    listener: Config = part["static_resources"]["listeners"][0]
    listener["name"] = side.value
    if side is Side.PLAIN:
        # It waits for the body, as any real use of it does.
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][0] = _buffer()
    return listener


def _pool_listener(port: int) -> Config:
    manager = typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="pool",
        codec_type="AUTO",
        route_config={
            "name": "pool",
            "virtual_hosts": [{"name": "pool", "domains": ["*"], "routes": _answers()}],
        },
        http_filters=[_buffer(), router_filter()],
    )
    return {
        "name": "pool",
        "address": address(Endpoint(LOOPBACK, port)),
        "per_connection_buffer_limit_bytes": FilterOptions().body_bytes,
        "filter_chains": [{"filters": [manager]}],
    }


def _answers() -> list[Config]:
    named = [_answer(f"/{pool}/", [_header(POOL_HEADER, pool)]) for pool in (SMALL, LARGE)]
    return [*named, _answer("/", [])]


def _answer(prefix: str, headers: list[Config]) -> Config:
    return {
        "match": {"prefix": prefix},
        "direct_response": {"status": 200, "body": {"inline_string": _ANSWER}},
        "response_headers_to_add": [_header("content-type", "application/json"), *headers],
    }


def _header(name: str, value: str) -> Config:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _buffer() -> Config:
    return typed(
        "envoy.filters.http.buffer",
        "filters.http.buffer.v3.Buffer",
        max_request_bytes=FilterOptions().body_bytes,
    )

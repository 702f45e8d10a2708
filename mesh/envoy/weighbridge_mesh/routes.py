"""Routes of the stand-alone Envoy: one per tier on the router's header, and a catch-all.

The same shape as the mesh's VirtualService: what the router did not decide ends in the catch-all,
which leads to a pool and says so.
"""

from weighbridge.contract import HEADER_TIER

from weighbridge_mesh.filter_chain import (
    PREFER_OTHER_HOST,
    SAFE_RETRIES,
    buffer_limit,
    decided_headers,
    fail_open_headers,
)
from weighbridge_mesh.options import BootstrapOptions, Pool
from weighbridge_mesh.proto import Config


def route_configuration(options: BootstrapOptions) -> Config:
    """Make the route table."""
    return {
        "name": "weighbridge",
        "virtual_hosts": [
            {
                "name": "weighbridge",
                "domains": ["*"],
                **buffer_limit(options.filter),
                "retry_policy": _retries(),
                "routes": [
                    *(_tier_route(pool) for pool in options.pools),
                    _catch_all(options.fallback),
                ],
            }
        ],
    }


def _tier_route(pool: Pool) -> Config:
    decided = {"name": HEADER_TIER, "string_match": {"exact": pool.tier}}
    return {
        "name": f"tier-{pool.tier}",
        "match": {"prefix": "/", "headers": [decided]},
        "route": _to(pool),
        **decided_headers(),
    }


def _catch_all(pool: Pool) -> Config:
    return {
        "name": "fail-open",
        "match": {"prefix": "/"},
        "route": _to(pool),
        **fail_open_headers(pool.tier),
    }


def _to(pool: Pool) -> Config:
    # No bound on the whole response: an answer may stream for minutes. Silence is bounded by the
    # connection manager's stream_idle_timeout.
    return {"cluster": pool.cluster, "timeout": "0s"}


def _retries() -> Config:
    return {"retry_on": SAFE_RETRIES, "num_retries": 2, **PREFER_OTHER_HOST}

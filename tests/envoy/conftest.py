"""Real Envoy, real router, pools that tell what reached them; one set per module, on free ports."""

from types import SimpleNamespace

import pytest
from envoy_rig.requests import client_of
from envoy_rig.rig import Rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    rig = Rig(tmp_path_factory.mktemp("envoy"))
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def pools(rig):
    """One echo pool per tier, by name."""
    return {tier: rig.pool(tier) for tier in ("small", "large")}


@pytest.fixture(scope="module")
def endpoints(pools):
    return {tier: [pool.endpoint] for tier, pool in pools.items()}


@pytest.fixture(scope="module")
def stack(rig, pools, endpoints):
    """The whole path, in health: `envoy`, `router`, `pools`, and an HTTP/1.1 `client`."""
    router = rig.router()
    envoy = rig.envoy(endpoints, [router.endpoint])
    with client_of(envoy) as client:
        yield SimpleNamespace(envoy=envoy, router=router, pools=pools, client=client)

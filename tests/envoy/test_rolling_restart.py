import asyncio
from collections import Counter

import aiohttp
from envoy_rig.requests import chat
from envoy_rig.rig import wait_until

_CLIENTS = 8


async def test_rolling_restart_of_two_routers_loses_nothing(rig, endpoints):
    routers = [rig.router(WEIGHBRIDGE_LISTEN__DRAIN_DELAY_S="2") for _ in range(2)]
    envoy = rig.envoy(endpoints, [router.endpoint for router in routers])
    outcomes = Counter()
    done = asyncio.Event()
    async with aiohttp.ClientSession(envoy.url) as session:
        clients = [asyncio.create_task(_load(session, outcomes, done)) for _ in range(_CLIENTS)]
        for router in routers:
            assert await asyncio.to_thread(router.terminate) == 0
            before = _decided(routers, router)
            assert before
            router.start()
            await asyncio.to_thread(wait_until, lambda: _healthy(envoy) == 2, "both are used")
        done.set()
        await asyncio.gather(*clients)
    assert set(outcomes) == {(200, "score")}, outcomes
    assert outcomes.total() > 100
    for router in routers:
        router.close()


async def _load(session, outcomes, done):
    while not done.is_set():
        async with session.post("/v1/chat/completions", json=chat()) as response:
            await response.read()
            outcomes[response.status, response.headers.get("x-weighbridge-reason")] += 1


def _decided(routers, gone):
    """The other router is at work meanwhile."""
    (other,) = (router for router in routers if router is not gone)
    return "weighbridge_decisions_total" in other.metrics()


def _healthy(envoy):
    return envoy.stats()["cluster.weighbridge-router.membership_healthy"]

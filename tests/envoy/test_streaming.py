import asyncio

import aiohttp
import pytest
from envoy_rig.requests import chat
from envoy_rig.rig import wait_until

PATH = "/v1/chat/completions"


def test_sse_bytes_are_those_that_the_pool_sent(stack):
    path = f"{PATH}?sse=200"
    direct = stack.client.post(f"http://{_address(stack.pools['small'])}{path}", json=chat())
    routed = stack.client.post(path, json=chat())
    assert routed.headers["content-type"] == "text/event-stream"
    assert routed.content.endswith(b"data: [DONE]\n\n")
    assert routed.content == direct.content


def test_sse_events_come_as_they_are_sent(stack):
    with stack.client.stream("POST", f"{PATH}?sse=3&gap_ms=1000", json=chat()) as response:
        first = next(response.iter_raw())
        assert b'"n": 0' in first
        assert b'"n": 2' not in first


@pytest.mark.parametrize(
    ("count", "gap_ms"), [(200, 500), pytest.param(1000, 2500, marks=pytest.mark.load)]
)
async def test_running_responses_hold_nothing_in_the_router(stack, count, gap_ms):
    path = f"{PATH}?sse=10&gap_ms={gap_ms}"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(stack.envoy.url, connector=connector) as session:
        running = [asyncio.create_task(_read(session, path)) for _ in range(count)]
        await asyncio.to_thread(wait_until, lambda: _active(stack) >= count, "all are running")
        await asyncio.to_thread(wait_until, lambda: _router_streams(stack) == 0, "streams end")
        assert _active(stack) >= count
        answers = await asyncio.gather(*running)
    assert all(answer.endswith(b"data: [DONE]\n\n") for answer in answers)


async def _read(session, path):
    async with session.post(path, json=chat()) as response:
        return await response.read()


def _active(stack):
    stats = stack.envoy.stats()
    return sum(stats[f"cluster.tier-{tier}.upstream_rq_active"] for tier in stack.pools)


def _router_streams(stack):
    lines = stack.router.metrics().splitlines()
    return float(next(line for line in lines if line.startswith("weighbridge_streams")).split()[1])


def _address(pool):
    return f"{pool.endpoint.host}:{pool.endpoint.port}"

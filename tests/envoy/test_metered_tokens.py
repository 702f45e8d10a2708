"""The meter's counters against the pools' own, after many requests of every shape."""

import asyncio
import itertools
import json
from types import SimpleNamespace

import aiohttp
import pytest
from envoy_rig.expositions import total
from envoy_rig.requests import EASY, HARD, chat
from envoy_rig.rig import wait_until
from weighbridge_mesh.options import MeteringOptions

TIERS = ("small", "large")
AT_ONCE = 48
HANG_UPS = 10
"""Of ten requests one is given up by its client, where it is a streamed chat."""
LONG = 400


@pytest.fixture(scope="module")
def path(rig):
    """A metered Envoy before a simulated vLLM for each tier."""
    pace = ("--ttft-ms", 1, "--itl-ms", 1, "--any-model", "--drain-seconds", 0)
    pools = {tier: rig.simulator(*pace) for tier in TIERS}
    meter = rig.meter()
    envoy = rig.envoy(
        {tier: [pool.endpoint] for tier, pool in pools.items()},
        [rig.router().endpoint],
        metering=MeteringOptions(meter=meter.endpoint, flush_s=0.2),
    )
    return SimpleNamespace(envoy=envoy, meter=meter, pools=pools)


def _bodies():
    """Path and body of every shape, half of them streams, prompts of both tiers in turn."""
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    for text, most in itertools.product((EASY, HARD), (3, 17)):
        yield "/v1/chat/completions", chat(text, max_tokens=most)
        yield "/v1/chat/completions", chat(text, max_tokens=most, **usage)
        yield "/v1/completions", {"model": "auto", "prompt": text, "max_tokens": most}
        yield "/v1/completions", {"model": "auto", "prompt": text, "max_tokens": most, **usage}
        yield "/v1/messages", chat(text, max_tokens=most)
        yield "/v1/messages", chat(text, max_tokens=most, stream=True)
        yield "/v1/embeddings", {"model": "auto", "input": text}
        yield "/v1/responses", {"model": "auto", "input": text, "stream": True}


class Clients:
    """Sends requests, some of which it gives up.

    `left` has the tokens that these had got, `asked` those of their prompts.
    """

    def __init__(self, url, count):
        self._url = url
        self._count = count
        self._sizes = {}
        self.left = []
        self.asked = []

    async def learn(self):
        """Find out how many tokens the prompts have."""
        async with aiohttp.ClientSession(self._url) as session:
            for text in (EASY, HARD):
                async with session.post("/v1/chat/completions", json=chat(text)) as response:
                    self._sizes[text] = (await response.json())["usage"]["prompt_tokens"]

    async def run(self):
        gate = asyncio.Semaphore(AT_ONCE)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(self._url, connector=connector) as session:
            shapes = itertools.islice(itertools.cycle(_bodies()), self._count)
            async with asyncio.TaskGroup() as group:
                for number, (path, body) in enumerate(shapes):
                    await gate.acquire()
                    task = group.create_task(self._send(session, number, path, body))
                    task.add_done_callback(lambda _: gate.release())

    async def _send(self, session, number, path, body):
        if body.get("stream") and path == "/v1/chat/completions" and number % HANG_UPS == 1:
            await self._give_up(session, number, path, body)
            return
        async with session.post(path, json=body) as response:
            assert response.status == 200
            await response.read()

    async def _give_up(self, session, number, path, body):
        """Leave after some tokens: a long answer of which the client wants no more."""
        long = {**body, "max_tokens": LONG, "ignore_eos": True}
        wanted = 1 + number % 20
        async with session.post(path, json=long) as response:
            got = 0
            async for line in response.content:
                got += line.startswith(b"data: ") and bool(_text(line))
                if got == wanted:
                    break
            response.close()
        self.left.append(got)
        self.asked.append(self._sizes[body["messages"][0]["content"]])


def _text(line):
    choices = json.loads(line.removeprefix(b"data: "))["choices"]
    return choices and choices[0]["delta"].get("content")


@pytest.mark.parametrize("count", [480, pytest.param(10_000, marks=pytest.mark.load)])
@pytest.mark.timeout(600)
async def test_tokens_are_the_pools_own_and_those_of_hang_ups_are_known_apart(path, count):
    clients = Clients(path.envoy.url, count)
    await clients.learn()
    await _arrived(path, await _asked(path))
    before, pools_before = path.meter.metrics(), _pools(path)

    await clients.run()
    await _arrived(path, await _asked(path))
    after, pools_after = path.meter.metrics(), _pools(path)

    def gained(name, **labels):
        return total(after, name, **labels) - total(before, name, **labels)

    pools = [now - was for now, was in zip(pools_after, pools_before, strict=True)]
    metered = [gained("weighbridge_tokens_total", kind=kind) for kind in ("prompt", "completion")]
    estimated = gained("weighbridge_estimated_tokens_total", kind="completion")
    hung_up, got = len(clients.left), sum(clients.left)
    print(  # noqa: T201 - what the documentation quotes
        f"{count} requests, {hung_up} hung up having got {got} tokens; pools {pools}, "
        f"metered {metered}, estimated beside these {estimated} tokens of answers"
    )
    assert hung_up > 0
    assert gained("weighbridge_metered_requests_total", end="whole") == count - hung_up
    assert gained("weighbridge_unmetered_requests_total", reason="hung-up") == hung_up
    # What is missing is what hang-ups used: their prompts to the token, and of their answers at
    # least what they had got and at most what the pool had generated until it noticed.
    assert pools[0] - metered[0] == sum(clients.asked)
    assert got <= estimated <= pools[1] - metered[1]


async def _asked(path):
    """Requests that Envoy has had so far, once all of them are over."""

    def over():
        stats = path.envoy.stats()
        return stats["http.ingress.downstream_rq_active"] == 0

    await asyncio.to_thread(wait_until, over, "all requests are over")
    return path.envoy.stats()["http.ingress.downstream_rq_total"]


async def _arrived(path, requests):
    def arrived():
        exposition = path.meter.metrics()
        kinds = ("metered", "unmetered")
        counted = [total(exposition, f"weighbridge_{kind}_requests_total") for kind in kinds]
        return sum(counted) == requests

    await asyncio.to_thread(wait_until, arrived, "a receipt of each request")


def _pools(path):
    """Prompt tokens and generated tokens, by the pools' own count, once nothing runs in them."""

    def idle():
        return _sum(path, "vllm:num_requests_running") == 0

    wait_until(idle, "the pools are idle")
    return [_sum(path, f"vllm:{name}_tokens_total") for name in ("prompt", "generation")]


def _sum(path, name):
    return sum(total(pool.metrics(), name) for pool in path.pools.values())

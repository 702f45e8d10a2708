"""Simulators on free ports, inside the test's own event loop, and clients for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from weighbridge_simulator.server import Simulator
from weighbridge_simulator.settings import Settings

Start = Callable[..., Awaitable["Client"]]


class Client:
    """A simulator with a session to it."""

    def __init__(self, simulator: Simulator, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session

    @property
    def url(self) -> str:
        return f"http://{self.simulator.address}"

    async def ask(self, path: str = "/v1/chat/completions", **changes) -> dict:
        """POST an ordinary request with changes; the answer's JSON with its status as "http"."""
        async with self.session.post(path, json=chat(**changes)) as response:
            return {"http": response.status, **await response.json()}

    async def lines(self, path: str = "/v1/chat/completions", **changes) -> list[str]:
        """The lines of a stream."""
        async with self.session.post(path, json=chat(stream=True, **changes)) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            return [line for line in (await response.text()).splitlines() if line]

    async def put_failures(self, **failures) -> None:
        async with self.session.put("/debug/failures", json=failures) as response:
            assert response.status == 200, await response.text()

    async def metric(self, sample: str, **labels) -> float:
        """The value of one sample on /metrics."""
        async with self.session.get("/metrics") as response:
            page = await response.text()
        found = [
            each.value
            for family in text_string_to_metric_families(page)
            for each in family.samples
            if each.name == sample and labels.items() <= each.labels.items()
        ]
        assert len(found) == 1, f"{sample} {labels}: {found}"
        return found[0]

    async def until(self, sample: str, value: float) -> None:
        """Wait until a sample on /metrics has a value."""
        async with asyncio.timeout(5):
            while await self.metric(sample) != value:  # noqa: ASYNC110  # of another process
                await asyncio.sleep(0.01)


def chat(content: str = "What does a lorry weigh?", **changes) -> dict:
    """A request that any of the endpoints understands."""
    messages = [{"role": "user", "content": content}]
    return {"messages": messages, "input": content, "prompt": content, "max_tokens": 8} | changes


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start simulators that answer at once, unless settings say otherwise."""
    async with AsyncExitStack() as stack:

        async def start_one(**changes) -> Client:
            given = {"port": 0, "speed": 0.0, "drain_seconds": 0.1, "debug_endpoints": True}
            settings = msgspec.convert(given | changes, Settings)
            simulator = await stack.enter_async_context(Simulator(settings))
            session = aiohttp.ClientSession(f"http://{simulator.address}")
            return Client(simulator, await stack.enter_async_context(session))

        yield start_one

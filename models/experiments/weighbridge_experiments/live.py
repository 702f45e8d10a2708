"""The same users against servers that answer: `models/simulator` as processes, asked over HTTP.

What comes out are `Request`s with the times of a client's clock, so that the same code measures
them as what was simulated.
"""

import asyncio
import random
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import aiohttp

from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.pod import Engine
from weighbridge_experiments.request import End, Request
from weighbridge_experiments.traffic import CONTEXT
from weighbridge_experiments.world import World

_START_S: Final = 60.0
_ANSWER_S: Final = 120.0
_MODEL: Final = "simulated"


def flags(engine: Engine, seed: int) -> list[str]:
    """An engine as the simulator's command line says it."""
    values = {
        "ttft-ms": engine.ttft_s * 1000,
        "ttft-jitter": engine.ttft_jitter,
        "prefill-us-per-token": engine.prefill_s * 1e6,
        "itl-ms": engine.itl_s * 1000,
        "itl-jitter": 0,
        "batch-interference": engine.interference,
        "max-num-seqs": engine.max_num_seqs,
        "block-size": engine.block_size,
        "kv-blocks": engine.kv_tokens // engine.block_size,
        "max-model-len": CONTEXT,
        "served-model-name": _MODEL,
        "seed": seed,
        "port": 0,
    }
    given = [f"--{name}={value}" for name, value in values.items()]
    return [*given, "--no-prefix-caching"]


async def ask_servers(
    world: World, pods: int, seed: int, told: Callable[[float], object]
) -> list[Request]:
    """Let a world's users ask servers of its one tier, in real time.

    Args:
        world: with one tier and a crowd that stays.
        pods: servers.
        seed: as for `simulate`: the same users ask for the same.
        told: called now and then with the share that is done, 0 to 1.

    Raises:
        ExperimentError: if a server does not start, or does not answer.
    """
    (plan,) = world.tiers.values()
    async with AsyncExitStack() as stack:
        starts = (_server(plan.engine, seed + number) for number in range(pods))
        addresses = [await stack.enter_async_context(start) for start in starts]
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, timeout=timeout)
        )
        crowd = _LiveCrowd(world, seed, session, addresses)
        try:
            return await crowd.run(told)
        except* (aiohttp.ClientError, TimeoutError) as errors:
            raise ExperimentError(
                f"expected answers of the servers, came {errors.exceptions[0]!r}: "
                "is the machine out of ports or memory?"
            ) from errors


class _LiveCrowd:
    def __init__(
        self, world: World, seed: int, session: aiohttp.ClientSession, addresses: Sequence[str]
    ) -> None:
        self._world = world
        self._seed = seed
        self._session = session
        self._loads = dict.fromkeys(addresses, 0)
        self._dice = random.Random(seed)  # noqa: S311  # dice, not secrets
        self._began = 0.0
        self._requests: list[Request] = []

    async def run(self, told: Callable[[float], object]) -> list[Request]:
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(told))
            for number in range(self._world.crowd.high):
                tasks.create_task(self._live(number))
        return self._requests

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    async def _tell(self, told: Callable[[float], object]) -> None:
        seconds = self._world.crowd.seconds
        while self._now < seconds:
            told(self._now / seconds)
            await asyncio.sleep(min(1.0, seconds / 10))
        told(1.0)

    async def _live(self, number: int) -> None:
        crowd = self._world.crowd
        dice = random.Random(f"{self._seed} {number}")  # noqa: S311  # as in `simulate`
        while True:
            when = self._now + dice.expovariate(1 / crowd.think_s)
            if when >= crowd.seconds:
                return
            await asyncio.sleep(when - self._now)
            tier = self._world.tier_of(dice)
            await self._ask(self._world.lengths.draw(dice, tier))

    async def _ask(self, request: Request) -> None:
        request.arrived_at = self._now
        self._requests.append(request)
        drawn = self._dice.choices(list(self._loads), k=2)
        address = min(drawn, key=self._loads.__getitem__)
        self._loads[address] += 1
        try:
            await self._read(address, request)
        finally:
            self._loads[address] -= 1

    async def _read(self, address: str, request: Request) -> None:
        body = {
            "model": _MODEL,
            "prompt": _text(request.prompt, len(self._requests)),
            "max_tokens": int(request.answer),
            "ignore_eos": True,
            "stream": True,
        }
        async with self._session.post(f"{address}/v1/completions", json=body) as response:
            response.raise_for_status()
            async for line in response.content:
                if line.startswith(b"data: {") and request.first_token_at is None:
                    request.first_token_at = self._now
        request.finish(End.ANSWERED, self._now)


def _text(tokens: int, number: int) -> str:
    """So many of the simulator's tokens, four bytes each."""
    return f"{number} ".ljust(4 * tokens, "x")[: 4 * tokens]


@asynccontextmanager
async def _server(engine: Engine, seed: int) -> AsyncIterator[str]:
    command = (sys.executable, "-m", "weighbridge_simulator", *flags(engine, seed))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    try:
        yield await _address(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _address(process: Process) -> str:
    """Where a server is, as it says itself on its first line."""
    try:
        async with asyncio.timeout(_START_S):
            line = (await process.stdout.readline()).decode() if process.stdout else ""
    except TimeoutError:
        line = ""
    if " at http://" not in line:
        raise ExperimentError(
            f"expected weighbridge-simulator to say where it is, came {line.strip()!r}: "
            "does `weighbridge-simulator --port 0` start?"
        )
    return line.split(" at ")[1].strip()

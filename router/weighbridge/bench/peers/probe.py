"""Whether a target weighs at all: an easy and a hard prompt in, the pools that they reached out."""

import asyncio
import json
from typing import Final

from weighbridge.bench.envoy import LOOPBACK
from weighbridge.bench.peers.envoy import POOL_HEADER, Side
from weighbridge.bench.peers.litellm import LARGE, MODEL, SMALL
from weighbridge.contract import HEADER_TIER
from weighbridge.errors import LocalError

EASY: Final = "What is the capital of France?"
HARD: Final = (
    "Think step by step. Prove that a distributed database with asynchronous replication can't be "
    "both available and linearizable under a network partition, derive the complexity of the "
    "consensus algorithm that you would use instead, and compare its architecture with two others."
)
TOLD_BY: Final = {Side.ROUTER: HEADER_TIER, Side.LITELLM: f"llm_provider-{POOL_HEADER}"}
"""Header of the response that names the pool, for the targets that weigh."""
_MOST_S: Final = 30.0


async def require_weighing(side: Side, port: int) -> None:
    """Make sure that the easy prompt reaches the small pool and the hard one the large.

    Raises:
        LocalError: naming the target and what came instead; a benchmark of it would mean nothing.
    """
    reached = [await ask(port, prompt, TOLD_BY[side]) for prompt in (EASY, HARD)]
    if reached != [SMALL, LARGE]:
        raise LocalError(
            f"{side} does not weigh: expected an easy prompt to reach {SMALL} and a hard one "
            f"{LARGE}, came {' and '.join(reached)}; see its configuration in bench/peers"
        )


async def ask(port: int, prompt: str, header: str) -> str:
    """Send one prompt; give the value of a header of its answer, or what came instead of it."""
    message = {"role": "user", "content": prompt}
    body = json.dumps({"model": MODEL, "messages": [message]}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1",
        "host: bench",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        *("", ""),
    )
    try:
        async with asyncio.timeout(_MOST_S):
            answer = await _exchange(port, "\r\n".join(head).encode() + body)
    except (OSError, TimeoutError) as error:
        return f"no answer ({type(error).__name__}: {error})"
    return _header_of(answer.decode("latin-1"), header)


async def _exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


def _header_of(answer: str, header: str) -> str:
    status, *lines = answer.partition("\r\n\r\n")[0].split("\r\n")
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == header:
            return value.strip()
    return f"{status or 'nothing'} without {header}"

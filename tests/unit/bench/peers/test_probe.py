"""Whether a target weighs: told by the pool that answered, and a fault where it does not."""

import asyncio

import pytest
from weighbridge.bench.peers import probe
from weighbridge.bench.peers.envoy import Side
from weighbridge.errors import LocalError
from weighbridge.local.ports import free_ports


async def serve(answer):
    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        writer.write(answer(body))
        writer.close()

    return await asyncio.start_server(handle, "127.0.0.1", 0)


def answering(choose):
    def answer(body):
        pool = choose(body)
        return f"HTTP/1.1 200 OK\r\nLLM_Provider-X-Bench-Pool: {pool}\r\n\r\nok".encode()

    return answer


@pytest.fixture
async def started():
    servers = []

    async def start(answer):
        servers.append(await serve(answer))
        return servers[-1].sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_one_that_sends_easy_and_hard_prompts_apart_passes(started):
    port = await started(answering(lambda body: "large" if b"Prove" in body else "small"))

    await probe.require_weighing(Side.LITELLM, port)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (answering(lambda _: "small"), "came small and small"),
        (answering(lambda body: "small" if b"Prove" in body else "large"), "large and small"),
        (lambda _: b"HTTP/1.1 500 No\r\n\r\n", "HTTP/1.1 500 No without"),
        (lambda _: b"", "nothing without"),
    ],
)
async def test_one_that_does_not_is_no_peer(started, answer, said):
    port = await started(answer)

    with pytest.raises(LocalError, match=f"litellm does not weigh: .*{said}"):
        await probe.require_weighing(Side.LITELLM, port)


async def test_one_that_is_not_there_is_told():
    (port,) = free_ports(1)

    assert (await probe.ask(port, "x", "y")).startswith("no answer (ConnectionRefusedError")

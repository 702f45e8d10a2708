import asyncio
import contextlib

import pytest
from weighbridge_lab.doors import make_door, open_doors

WAIT_S = 5


@pytest.fixture
async def echo():
    """A server that answers each chunk in capitals, and says "bye" once the client has ended."""

    async def answer(reader, writer):
        while chunk := await reader.read(1024):
            writer.write(chunk.upper())
        writer.write(b"bye")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()


@pytest.fixture
async def door():
    """Open a door that leads where `resolve` says; gives its port."""
    opened = []

    async def through(resolve):
        listening = make_door()
        port = listening.getsockname()[1]
        opened.extend(await open_doors({listening.detach(): resolve}))
        return port

    yield through
    for server in opened:
        server.close()
    if carrying := asyncio.all_tasks() - {asyncio.current_task()}:
        assert not (await asyncio.wait(carrying, timeout=WAIT_S))[1]


async def test_bytes_pass_both_ways_and_an_end_is_passed_on(door, echo):
    reader, writer = await asyncio.open_connection("127.0.0.1", await door(lambda: echo))
    writer.write(b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), WAIT_S) == b"HELLO"
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), WAIT_S) == b"bye"
    writer.close()
    await writer.wait_closed()


async def test_door_asks_where_it_leads_for_each_connection(door, echo):
    targets = [echo, echo]
    port = await door(targets.pop)
    for _ in range(2):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"a")
        assert await asyncio.wait_for(reader.readexactly(1), WAIT_S) == b"A"
        writer.close()
        await writer.wait_closed()
    assert targets == []


@pytest.mark.parametrize("fault", [LookupError("no such Service yet"), None])
async def test_door_that_leads_nowhere_closes_the_connection(door, fault):
    def resolve():
        if fault:
            raise fault
        return "127.0.0.1", 1  # nothing listens there

    port = await door(resolve)
    for _ in range(2):  # the door stays where it is
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        writer.close()
        await writer.wait_closed()


def test_taken_port_is_refused():
    with make_door() as door, pytest.raises(OSError, match="in use"):
        make_door(door.getsockname()[1])

import asyncio
from contextlib import suppress

import pytest
from weighbridge.local.ports import LOOPBACK, free_ports
from weighbridge.local.probes import FileProbe, HttpProbe, TcpProbe


@pytest.fixture
async def serve():
    """Start a server that gives one fixed answer; gives its port."""
    servers, writers = [], []

    async def start(answer):
        async def handle(reader, writer):
            writers.append(writer)
            with suppress(asyncio.IncompleteReadError):  # a TCP probe says nothing
                await reader.readuntil(b"\r\n\r\n")
            if answer is not None:
                writer.write(answer)
                writer.close()

        server = await asyncio.start_server(handle, LOOPBACK, 0)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for each in (*writers, *servers):
        each.close()
        await each.wait_closed()


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nready 1.0", True),
        (b"HTTP/1.1 200 OK\r\n\r\nready 0.0", False),
        (b"HTTP/1.1 503 Unavailable\r\n\r\nready 1.0", False),
        (b"", False),
        (None, False),
    ],
    ids=["ready", "other-text", "503", "nothing", "silence"],
)
async def test_http_probe(serve, answer, ready):
    assert await HttpProbe(await serve(answer), "/metrics", "ready 1.0")() is ready


async def test_nobody_there_is_not_ready(tmp_path):
    (port,) = free_ports(1)
    assert not await HttpProbe(port, "/")()
    assert not await TcpProbe(port)()
    assert not await FileProbe(tmp_path / "none")()


async def test_listener_is_ready(serve):
    assert await TcpProbe(await serve(b""))()


async def test_file_is_ready(tmp_path):
    assert await FileProbe(tmp_path)()

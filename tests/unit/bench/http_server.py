"""A server of a few lines that answers every request alike."""

import asyncio
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def serving(answer):
    """Run `answer(writer, served)` for each request; it says whether to wait for another one.

    Gives the port, and the list that gathers the requests.
    """
    seen = []
    connections = set()

    async def serve(reader, writer):
        connections.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            served, goes_on = 0, True
            while goes_on:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
                seen.append(head + await reader.readexactly(length))
                served += 1
                goes_on = await answer(writer, served)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()

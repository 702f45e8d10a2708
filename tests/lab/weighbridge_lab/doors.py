"""Doors: ports of the host's loopback that lead into a lab's private network.

A socket stays in the network in which it was made. So the listening sockets are made outside and
inherited by the supervisor, which accepts on them and connects inside; no rights are needed, no
interface joins the two networks, and the doors close with the lab.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from functools import partial

_CHUNK = 65_536
_BACKLOG = 1024
Address = tuple[str, int]
Resolve = Callable[[], Address]


def make_door(port: int = 0) -> socket.socket:
    """Listen on the host's loopback.

    Args:
        port: 0: a free one.

    Raises:
        OSError: for a port that is taken.
    """
    door = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    door.set_inheritable(True)
    return door


async def open_doors(doors: Mapping[int, Resolve]) -> list[asyncio.Server]:
    """Serve doors.

    Args:
        doors: inherited descriptor of each, and what says where it leads at the moment; LookupError
            from it means nowhere yet.
    """
    return [
        await asyncio.start_server(partial(_carry, resolve), sock=socket.socket(fileno=descriptor))
        for descriptor, resolve in doors.items()
    ]


async def _carry(
    resolve: Resolve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection(*resolve())
    except (OSError, LookupError):
        # Nothing listens there yet: the caller sees a closed connection, as it would inside.
        writer.close()
        return
    await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
    for each in (inner_writer, writer):
        each.close()
        with contextlib.suppress(OSError):
            await each.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        # One side is gone: closing the other ends the opposite pump too.
        writer.close()

"""One keep-alive connection of the load generator, and the requests that it sends."""

import asyncio
from collections import Counter
from typing import Protocol

from weighbridge.bench.framing import FramingError, ResponseReader
from weighbridge.bench.prompts import SERIAL_DIGITS, SERIAL_PLACE


class Request:
    """The bytes of one request. Written over in place for each new serial number, never copied."""

    __slots__ = ("_places", "raw")

    def __init__(self, body: bytes) -> None:
        head = (
            "POST /v1/chat/completions HTTP/1.1",
            "host: bench",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *("", ""),
        )
        self.raw = bytearray("\r\n".join(head).encode() + body)
        self._places = list(_find_all(self.raw, SERIAL_PLACE.encode()))

    def stamp(self, serial: int) -> bytearray:
        """Put a number into all its places; the bytes stay valid until the next call."""
        digits = b"%0*d" % (SERIAL_DIGITS, serial)
        for start in self._places:
            self.raw[start : start + SERIAL_DIGITS] = digits
        return self.raw


def _find_all(data: bytearray, wanted: bytes) -> list[int]:
    found = []
    at = data.find(wanted)
    while at >= 0:
        found.append(at)
        at = data.find(wanted, at + len(wanted))
    return found


class Load(Protocol):
    """What a connection needs of the load that it is part of."""

    errors: Counter[str]

    def next_serial(self) -> int:
        """Give a number that no other request has."""

    def ready(self, connection: "Connection") -> None:
        """Take note that `connection` can send."""

    def record(self, reader: ResponseReader, due: float) -> None:
        """Take note of a complete response to the request that was due at `due`."""

    def lost(self, connection: "Connection") -> None:
        """Take note that `connection` has ended."""


class Connection(asyncio.Protocol):
    """One client. Its requests are its own, because they are written over in place."""

    __slots__ = ("_load", "_next", "_reader", "_requests", "_transport", "due")

    def __init__(self, load: Load, requests: list[Request]) -> None:
        self._load = load
        self._requests = requests
        self._next = 0
        self._reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        # Start of the request in flight; None: there is none.
        self.due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport is a Transport
        self._reader = ResponseReader()
        self._load.ready(self)

    def send(self, due: float) -> None:
        """Send the next request, whose latency counts from `due`."""
        self.due = due
        request = self._requests[self._next]
        self._next = (self._next + 1) % len(self._requests)
        assert self._transport is not None  # noqa: S101 - ready() is called once it is there
        self._transport.write(request.stamp(self._load.next_serial()))

    def data_received(self, data: bytes) -> None:
        """Take a piece of a response."""
        try:
            complete = self._reader.feed(data)
        except FramingError as error:
            self._load.errors[str(error)] += 1
            self.due = None
            self.close()
            return
        if complete and self.due is not None:
            due, self.due = self.due, None
            self._load.record(self._reader, due)
            if not self._reader.closes:
                self._load.ready(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count what was in flight and come back."""
        if self.due is not None:
            self._load.errors[f"connection lost ({exc or 'closed by the server'})"] += 1
            self.due = None
        self._load.lost(self)

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

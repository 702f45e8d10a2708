"""Bytes of HTTP/1.1 responses in, the few facts a load generator needs out.

Only what Envoy writes is understood: lower-case header names, content-length or chunks. That makes
a response cost about a microsecond, where a general parser would cost more than the write.
"""

from typing import Final

from weighbridge.contract import HEADER_REASON, HEADER_TIER, Reason

_HEAD_END: Final = b"\r\n\r\n"
_TIER: Final = f"\r\n{HEADER_TIER}: ".encode()
# Of a peer; see bench/peers.
_LITELLM_TIER: Final = b"\r\nx-litellm-complexity-router-tier: "
_FAIL_OPEN: Final = f"\r\n{HEADER_REASON}: {Reason.FAIL_OPEN.value}\r\n".encode()
_LENGTH: Final = b"\r\ncontent-length: "
_CHUNKED: Final = b"\r\ntransfer-encoding: chunked\r\n"
_CLOSE: Final = b"\r\nconnection: close\r\n"
_NO_BODY: Final = frozenset({204, 304})
_START: Final = b"HTTP/1.1 "
_CHUNK_SIZE_BYTES: Final = 64


class FramingError(ValueError):
    """Bytes came that are no response, or one whose end can't be told."""


class ResponseReader:
    """Reads the responses of one connection, one at a time.

    Attributes:
        status: of the newest response whose head was read.
        has_tier: whether that response carries the router's tier, or LiteLLM's.
        failed_open: whether it says that nobody weighed the request.
        closes: whether the server will close the connection after it.
        payload: body bytes that the last `feed` brought; only of chunked responses.
    """

    __slots__ = ("_held", "_left", "closes", "failed_open", "has_tier", "payload", "status")

    def __init__(self) -> None:
        self._held = b""
        # Body bytes that are still to come; None: in the head; -1: chunked.
        self._left: int | None = None
        self.status = 0
        self.has_tier = False
        self.failed_open = False
        self.closes = False
        self.payload = b""

    def feed(self, data: bytes) -> bool:
        """Take what has come; True when the response is complete.

        Raises:
            FramingError: for what is no response, or bytes beyond its end.
        """
        if self._left is None:
            if self._held:
                data = self._held + data
                self._held = b""
            end = data.find(_HEAD_END)
            if end < 0:
                self._held = data
                return False
            self._read_head(data[: end + 2])
            data = data[end + 4 :]
        if self._left == -1:
            return self._take_chunks(data)
        self._left = (self._left or 0) - len(data)
        if self._left < 0:
            raise FramingError("expected one response, came bytes beyond its end")
        return self._done() if self._left == 0 else False

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(_START):
            raise FramingError(f"expected {_START.decode()}..., came {head[:16]!r}")
        self.status = int(head[9:12])
        self.has_tier = _TIER in head or _LITELLM_TIER in head
        self.failed_open = _FAIL_OPEN in head
        self.closes = _CLOSE in head
        at = head.find(_LENGTH)
        if at >= 0:
            at += len(_LENGTH)
            self._left = int(head[at : head.index(b"\r", at)])
        elif _CHUNKED in head:
            self._left = -1
        elif self.status in _NO_BODY:
            self._left = 0
        else:
            raise FramingError("expected content-length or chunks, came neither")

    def _take_chunks(self, data: bytes) -> bool:
        data = self._held + data
        payload: list[bytes] = []
        at = 0
        while (line_end := data.find(b"\r\n", at)) >= 0:
            size = _chunk_size(data[at:line_end])
            start = line_end + 2
            if len(data) < start + size + 2:
                break
            if size == 0:
                # Envoy sends no trailers here, so an empty line is the end.
                self.payload = b"".join(payload)
                self._held = b""
                return self._done()
            payload.append(data[start : start + size])
            at = start + size + 2
        self._held = data[at:]
        self.payload = b"".join(payload)
        return False

    def _done(self) -> bool:
        self._left = None
        return True


def _chunk_size(line: bytes) -> int:
    try:
        return int(line[:_CHUNK_SIZE_BYTES].partition(b";")[0], 16)
    except ValueError as error:
        raise FramingError(f"expected the size of a chunk, came {line[:16]!r}") from error

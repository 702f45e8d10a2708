"""Is a child ready? One-method probes; each answers now, waiting is the supervisor's business."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_SECONDS = 1.0
_MOST_BYTES = 1024 * 1024


class Probe(Protocol):
    """A question with a yes or a no."""

    async def __call__(self) -> bool:
        """Say whether the child is ready at this moment; never raises."""
        ...


@dataclass(frozen=True)
class HttpProbe:
    """GET answers 200, and the answer holds `text` where one is given."""

    port: int
    path: str
    text: str = ""
    host: str = "127.0.0.1"

    async def __call__(self) -> bool:
        """Ask once, for a second at most."""
        try:
            answer = await asyncio.wait_for(self._get(), _SECONDS)
        except (OSError, TimeoutError):
            return False
        status = answer.partition(b"\r\n")[0]
        return b" 200 " in status + b" " and self.text.encode() in answer

    async def _get(self) -> bytes:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            head = (f"GET {self.path} HTTP/1.1", f"Host: {self.host}", "Connection: close", "", "")
            writer.write("\r\n".join(head).encode())
            chunks = bytearray()
            while len(chunks) < _MOST_BYTES and (chunk := await reader.read(65536)):
                chunks += chunk
            return bytes(chunks)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@dataclass(frozen=True)
class TcpProbe:
    """Something listens on a port."""

    port: int
    host: str = "127.0.0.1"

    async def __call__(self) -> bool:
        """Connect once, for a second at most."""
        try:
            _, writer = await asyncio.wait_for(
                asyncio.open_connection(self.host, self.port), _SECONDS
            )
        except (OSError, TimeoutError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True


@dataclass(frozen=True)
class FileProbe:
    """A file exists."""

    path: Path

    async def __call__(self) -> bool:
        """Look once."""
        return self.path.exists()

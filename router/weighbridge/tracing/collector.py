"""An OTLP/HTTP collector: the bytes of an export in, how many of its spans were refused out.

One connection is kept. It is used by one thread, which is not the event loop's.
"""

import contextlib
import http.client
from typing import Final
from urllib.parse import urlsplit

import msgspec

from weighbridge import __version__

PATH: Final = "/v1/traces"
_TIMEOUT_S = 5.0
_MOST_BYTES = 65_536
"""Of an answer that are read; beyond, it is none that a collector gives."""
_SUCCESS = 2
# ValueError: of a host name that can't be looked up.
_TROUBLE = (OSError, ValueError, http.client.HTTPException)
_HEADERS = {"content-type": "application/json", "user-agent": f"weighbridge/{__version__}"}


class CollectorError(Exception):
    """The export was not taken; the message says why. Its spans are lost.

    Args:
        reason: for the log.
        refused: the collector answered, and said no.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


class _PartialSuccess(msgspec.Struct, rename="camel"):
    rejected_spans: int = 0


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _PartialSuccess = msgspec.field(default_factory=_PartialSuccess)


_decode = msgspec.json.Decoder(_Answer, strict=False).decode


class Collector:
    """Sends exports.

    Args:
        endpoint: http or https URL, to which `PATH` is added.
    """

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        self._path = parts.path.rstrip("/") + PATH

    def send(self, export: bytes) -> int:
        """Send one export.

        Returns:
            Spans of it that the collector refused.

        Raises:
            CollectorError: if it took none of them.
        """
        kept = self._connection.sock is not None
        try:
            return self._sent(export)
        except _TROUBLE as error:
            self.close()
            if not kept or isinstance(error, TimeoutError):
                raise _unsent(error) from error
        # The other end closes what has been idle for long, which shows at the next use alone.
        try:
            return self._sent(export)
        except _TROUBLE as error:
            self.close()
            raise _unsent(error) from error

    def close(self) -> None:
        """Let the connection go; the next export opens another."""
        with contextlib.suppress(OSError):
            self._connection.close()

    def _sent(self, export: bytes) -> int:
        self._connection.request("POST", self._path, export, _HEADERS)
        response = self._connection.getresponse()
        answer = response.read(_MOST_BYTES)
        if not response.isclosed():
            self.close()
        if response.status // 100 != _SUCCESS:
            raise CollectorError(f"it answered with status {response.status}", refused=True)
        try:
            return _decode(answer).partial_success.rejected_spans if answer else 0
        except msgspec.DecodeError:
            return 0  # it said 200; whatever else it says is no count


def _unsent(error: Exception) -> CollectorError:
    return CollectorError(f"{type(error).__name__}: {error}")

"""Request bodies on their way in: chunks gathered, gzip and deflate undone, both up to a cap.

What comes out is the bytes of one JSON document, or an error that says why there are none.
"""

import zlib

from weighbridge.errors import BodyOversizedError, BodyUnparsedError

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""zlib's names for: gzip wrapper; either wrapper, found out from the first bytes."""


class BodyBuffer:
    """The chunks of one body.

    Args:
        cap: most bytes that are worth reading; a longer body can be handed on, not read.
    """

    __slots__ = ("_cap", "_chunks", "size")

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._chunks: list[bytes] = []
        self.size = 0

    def add(self, chunk: bytes) -> None:
        """Take one more chunk; what comes after the cap was passed is counted, not kept."""
        if not self.overflowed:
            self._chunks.append(chunk)
        self.size += len(chunk)

    @property
    def overflowed(self) -> bool:
        """Whether more has come than is worth reading."""
        return self.size > self._cap

    def whole(self) -> bytes:
        """The bytes so far.

        Raises:
            BodyOversizedError: when there are more than the cap.
        """
        if self.overflowed:
            raise BodyOversizedError(f"expected at most {self._cap} bytes, came {self.size}")
        return self._joined()

    def take(self) -> bytes:
        """The bytes so far, whatever their number; they are let go here."""
        taken = self._joined()
        self._chunks.clear()
        return taken

    def _joined(self) -> bytes:
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


def decompress(body: bytes, encoding: str, cap: int) -> bytes:
    """Undo a Content-Encoding, reading no further than `cap` bytes of output.

    Raises:
        BodyUnparsedError: for an encoding that is not known here, or damaged data.
        BodyOversizedError: when more than `cap` bytes would come out (a compression bomb).
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in _WINDOW_BITS:
        raise BodyUnparsedError("expected content-encoding gzip, deflate or identity")
    inflater = zlib.decompressobj(_WINDOW_BITS[name])
    try:
        plain = inflater.decompress(body, cap + 1)
    except zlib.error as error:
        raise BodyUnparsedError(f"expected {name} data: {error}") from error
    if len(plain) > cap:
        raise BodyOversizedError(f"expected at most {cap} bytes once decompressed")
    if not inflater.eof:
        raise BodyUnparsedError(f"{name} data ends early")
    return plain

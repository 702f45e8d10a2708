"""JSON lines on standard output. A prompt appears only as its length and a keyed hash.

Decisions take a path of their own: encoded at once, written together by a thread a few times a
second, because a write per request would cost more than the decision.
"""

import contextlib
import hashlib
import logging
import os
import random
import secrets
import threading
import time
from collections import deque
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_HASH_BYTES = 8
_FLUSH_S = 0.2
_MOST_LINES = 16_384


class DecisionLine(msgspec.Struct, gc=False):
    """One decision in the log.

    Attributes:
        ts: seconds since 1970.
        event: always "decision".
        raw: what the score was before calibration, for `weighbridge calibrate`.
        micros: from the last byte read to the answer made.
        body_bytes: size of the body as received.
        ask_chars: characters of the ask that were read.
        ask_hash: keyed hash of these; equal asks of one process have equal hashes.
        trace_id: of the request; "" where it has none.
        span_id: of the decision; "" where it is not recorded.
    """

    ts: float
    tier: str
    reason: str
    micros: int
    body_bytes: int
    event: str = "decision"
    score: float | None = None
    raw: float | None = None
    earlier: float | None = None
    endpoint: str = ""
    turns: int = 0
    ask_chars: int = 0
    ask_hash: str = ""
    trace_id: str = ""
    span_id: str = ""
    generation: int = 0


class DecisionLog:
    """Takes lines without waiting; a thread writes them.

    A reader of standard output that stalls must stall nothing here: past `_MOST_LINES` the oldest
    lines are dropped.

    Args:
        key: key of the prompt hash; None: a random one.
        descriptor: file descriptor written to.
    """

    def __init__(self, key: str | None, descriptor: int = 1) -> None:
        self._key = hashlib.blake2b(key.encode()).digest() if key else secrets.token_bytes(32)
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque(maxlen=_MOST_LINES)
        self._stopped = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="decision-log", daemon=True)

    def fingerprint(self, text: str) -> str:
        """Keyed hash of a text, 16 hex digits."""
        raw = text.encode("utf-8", "replace")
        return hashlib.blake2b(raw, digest_size=_HASH_BYTES, key=self._key).hexdigest()

    def add(self, line: DecisionLine) -> None:
        """Take a line; it is written within `_FLUSH_S`."""
        self._lines.append(_encode(line))

    def add_record(self, rendered: str) -> None:
        """Take a log record that is a line already."""
        self._lines.append(rendered.encode("utf-8", "replace"))

    def start(self) -> None:
        """Begin to write; a second call does nothing."""
        if not self._writer.is_alive():
            self._writer.start()

    def close(self) -> None:
        """Write what has gathered and stop; waits a second at most."""
        self._stopped.set()
        if self._writer.is_alive():
            self._writer.join(1.0)

    def flush(self) -> None:
        """Write what has gathered. What a closed pipe refuses is dropped: serving goes on."""
        taken = [self._lines.popleft() for _ in range(len(self._lines))]
        if taken:
            taken.append(b"")
            with contextlib.suppress(OSError):
                os.write(self._descriptor, b"\n".join(taken))

    def _write_on(self) -> None:
        while not self._stopped.wait(_FLUSH_S):
            self.flush()
        self.flush()


def is_sampled(share: float) -> bool:
    """Whether the next decision is one of the share, 0..1, that is logged."""
    return share >= 1 or (share > 0 and random.random() < share)  # noqa: S311


class JsonFormatter(logging.Formatter):
    """Renders the log records of this package and its libraries as JSON lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record; fields given as `extra={"fields": {...}}` stand beside the message."""
        line: dict[str, Any] = {
            "ts": round(time.time(), 3),
            "event": "log",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line).decode()


class _RecordHandler(logging.Handler):
    """Hands records to the log's writer: the event loop waits for no reader of standard output."""

    def __init__(self, log: DecisionLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.add_record(self.format(record))


def configure_logging(level: str, log: DecisionLog) -> None:
    """Send all records of `level` and up through `log` as JSON lines."""
    handler = _RecordHandler(log)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())

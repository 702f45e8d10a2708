"""Thousands of streaming answers held open by one process, ``python -m`` this module.

One JSON job on standard input; on standard output once a second how many streams are open, and at
the end what became of them.
"""

import asyncio
import sys
import time
from array import array
from collections import Counter

import msgspec
import uvloop

from weighbridge.bench.framing import FramingError, ResponseReader
from weighbridge.bench.prompts import CASES, SERIAL_DIGITS, SERIAL_PLACE, make_bodies
from weighbridge.bench.statistics import Latencies, latencies

_now = time.perf_counter
_HOST = "127.0.0.1"
_OK = 200
_EVENT = b"data: "
_LAST_EVENT = b"data: [DONE]"
_TAIL_BYTES = 16
_LOOK_S = 0.1


class SseJob(msgspec.Struct, frozen=True):
    """What to hold open.

    Attributes:
        port: of Envoy, on loopback.
        streams: one connection each.
        per_second: streams opened each second.
        tokens: length of each answer.
        most_seconds: after which the streams that are still open count as incomplete.
    """

    port: int
    streams: int
    per_second: int
    tokens: int
    most_seconds: float


class SseOpen(msgspec.Struct, frozen=True, tag="open"):
    """How many streams have had a first event and not their last."""

    streams: int


class SseResult(msgspec.Struct, frozen=True, tag="result"):
    """What became of the streams.

    Attributes:
        complete: streams that ended with ``data: [DONE]`` after at least as many events as tokens.
        incomplete: answered, but cut or short.
        errors: requests without an answer, by what happened.
        statuses: answers other than 200.
        failed_open: answers that say that nobody weighed the request.
        untold: answers without a tier.
        first_event: from the request sent to the first event.
        gaps: from one event of a stream to the next.
    """

    complete: int
    incomplete: int
    errors: dict[str, int]
    statuses: dict[int, int]
    failed_open: int
    untold: int
    first_event: Latencies
    gaps: Latencies


class _Tally:
    """What the streams have in common."""

    def __init__(self, job: SseJob) -> None:
        self.job = job
        self.open = 0
        self.ended = 0
        self.complete = 0
        self.incomplete = 0
        self.errors: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.failed_open = 0
        self.untold = 0
        self.first = array("d")
        self.gaps = array("d")

    def result(self) -> SseResult:
        return SseResult(
            complete=self.complete,
            incomplete=self.incomplete,
            errors=dict(self.errors),
            statuses=dict(self.statuses),
            failed_open=self.failed_open,
            untold=self.untold,
            first_event=latencies(self.first),
            gaps=latencies(self.gaps),
        )


class _Stream(asyncio.Protocol):
    """One request and its answer."""

    __slots__ = (
        "_events",
        "_last",
        "_reader",
        "_request",
        "_sent",
        "_tail",
        "_tally",
        "_transport",
    )

    def __init__(self, tally: _Tally, request: bytes) -> None:
        self._tally = tally
        self._request = request
        self._reader = ResponseReader()
        self._transport: asyncio.Transport | None = None
        self._sent = self._last = 0.0
        self._events = 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's transport is a Transport
        self._sent = _now()
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        try:
            complete = self._reader.feed(data)
        except FramingError as error:
            self._tally.errors[str(error)] += 1
            self._close()
            return
        if payload := self._reader.payload:
            self._take(payload)
        if complete:
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        tally, reader = self._tally, self._reader
        tally.ended += 1
        tally.open -= self._events > 0
        if reader.status == 0:
            tally.errors[f"no answer ({exc or 'closed by the server'})"] += 1
            return
        tally.failed_open += reader.failed_open
        tally.untold += not reader.has_tier
        if reader.status != _OK:
            tally.statuses[reader.status] += 1
        elif self._events > tally.job.tokens and _LAST_EVENT in self._tail:
            tally.complete += 1
        else:
            tally.incomplete += 1

    def _take(self, payload: bytes) -> None:
        now = _now()
        if self._events:
            self._tally.gaps.append(now - self._last)
        else:
            self._tally.open += 1
            self._tally.first.append(now - self._sent)
        self._last = now
        self._events += payload.count(_EVENT)
        self._tail = (self._tail + payload)[-_TAIL_BYTES:]

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def hold_streams(job: SseJob) -> SseResult:
    """Open the streams at an even pace and wait for their ends; tells of progress on the way."""
    loop = asyncio.get_running_loop()
    tally = _Tally(job)
    bodies = list(make_bodies(CASES["small"], CASES["small"].variety))
    deadline = loop.time() + job.most_seconds
    started = loop.time()
    opening: set[asyncio.Task[None]] = set()
    telling = asyncio.create_task(_tell(tally))
    for number in range(job.streams):
        request = _request(bodies[number % len(bodies)], number, job.tokens)
        task = loop.create_task(_open(tally, request))
        opening.add(task)
        task.add_done_callback(opening.discard)
        await asyncio.sleep(max(0.0, started + (number + 1) / job.per_second - loop.time()))
    # A look now and then: an event would have to be set by every stream.
    while tally.ended < job.streams and loop.time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S)
    telling.cancel()
    tally.incomplete += job.streams - tally.ended
    return tally.result()


async def _open(tally: _Tally, request: bytes) -> None:
    try:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: _Stream(tally, request), _HOST, tally.job.port)
    except OSError as error:
        tally.errors[f"can't connect ({error.strerror or error})"] += 1
        tally.ended += 1


async def _tell(tally: _Tally) -> None:
    while True:
        await asyncio.sleep(1)
        _print(SseOpen(tally.open))


def _request(body: bytes, serial: int, tokens: int) -> bytes:
    asked = b'"stream":true,"max_tokens":%d,"ignore_eos":true}' % tokens
    body = body.replace(b'"stream":false}', asked)
    body = body.replace(SERIAL_PLACE.encode(), b"%0*d" % (SERIAL_DIGITS, serial))
    head = (
        "POST /v1/chat/completions HTTP/1.1",
        "host: bench",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *("", ""),
    )
    return "\r\n".join(head).encode() + body


def _print(line: SseOpen | SseResult) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.readline(), type=SseJob)
    _print(uvloop.run(hold_streams(given)))

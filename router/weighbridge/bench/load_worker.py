"""The process behind `LoadGenerator`: raw protocols on uvloop, requests made beforehand.

It runs beside what it measures on the same few cores, so each response costs as little as Python
allows: one callback, four searches in the head, one write.
"""

import asyncio
import gc
import sys
import time
from array import array
from collections import Counter, deque
from functools import lru_cache

import msgspec
import uvloop

from weighbridge.bench.connection import Connection, Request
from weighbridge.bench.framing import ResponseReader
from weighbridge.bench.load import GRACE_S, UNANSWERED, UNSENT, Answer, Job, LoadResult
from weighbridge.bench.prompts import CASES, SERIAL_DIGITS, make_bodies
from weighbridge.bench.statistics import latencies, percentile
from weighbridge.bench.ticker import Ticker

_now = time.perf_counter
_HOST = "127.0.0.1"
_OK = 200
_RECONNECT_S = 0.1
_LAST_LOOK_S = 0.005


@lru_cache(maxsize=2)
def _requests(case: str, connections: int) -> list[Request]:
    count = max(CASES[case].variety, connections)
    return [Request(body) for body in make_bodies(CASES[case], count)]


class Load:
    """One job on its way: who sends when, and what came back."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.errors: Counter[str] = Counter()
        self._loop = asyncio.get_running_loop()
        self._latencies = array("d")
        self._lags = array("d")
        self._kinds: Counter[tuple[int, bool, bool]] = Counter()
        self._serial = time.time_ns() % 10**SERIAL_DIGITS
        self._sent = 0
        self._idle: list[Connection] = []
        self._backlog: deque[float] = deque()
        self._ended = False
        self._done = asyncio.Event()
        self._connections: list[Connection] = []
        self._reconnecting: list[asyncio.Task[None]] = []
        self._begin = self._end = self._last = 0.0

    async def run(self) -> LoadResult:
        """Connect, load, wait for the last answers, sum up."""
        job = self.job
        requests = _requests(job.case, job.connections)
        cpu = time.process_time()
        self._begin = _now() + job.warmup_s
        self._end = self._begin + job.seconds if job.requests is None else float("inf")
        for number in range(job.connections):
            connection = Connection(self, requests[number :: job.connections])
            self._connections.append(connection)
            await self._connect(connection)
        if job.requests is None:
            self._loop.call_later(self._end - _now(), self._stop)
        if job.rate is None:
            await self._done.wait()
        else:
            await self._keep_rate(job.rate)
        await self._last_answers()
        return self._result(time.process_time() - cpu)

    def next_serial(self) -> int:
        """A number that no request of this or an earlier job had, nearly surely."""
        self._serial = (self._serial + 1) % 10**SERIAL_DIGITS
        self._sent += 1
        return self._serial

    def ready(self, connection: Connection) -> None:
        """A connection can take its next request."""
        if self._ended or self._sent == self.job.requests:
            self._stop()
            self._idle.append(connection)
        elif self.job.rate is None:
            connection.send(_now())
        elif self._backlog:
            self._send_due(connection)
        else:
            self._idle.append(connection)

    def record(self, reader: ResponseReader, due: float) -> None:
        """Count a complete response."""
        now = _now()
        self._kinds[reader.status, reader.has_tier, reader.failed_open] += 1
        # At a fixed rate a request belongs to the window in which it was due, however late.
        at = now if self.job.rate is None else due
        decided = reader.has_tier and not reader.failed_open
        good = reader.status == _OK and (decided or not self.job.weighed)
        if good and self._begin <= at < self._end:
            self._latencies.append(now - due)
            self._last = now

    def lost(self, connection: Connection) -> None:
        """A connection has ended: open it again unless all is over."""
        if not self._ended:
            self._loop.call_later(_RECONNECT_S, self._reconnect, connection)

    def _reconnect(self, connection: Connection) -> None:
        if not self._ended:
            self._reconnecting.append(self._loop.create_task(self._try_connect(connection)))

    async def _try_connect(self, connection: Connection) -> None:
        try:
            await self._connect(connection)
        except OSError as error:
            self.errors[f"can't connect ({error.strerror or error})"] += 1
            self.lost(connection)

    async def _connect(self, connection: Connection) -> None:
        await self._loop.create_connection(lambda: connection, _HOST, self.job.port)

    def _stop(self) -> None:
        self._ended = True
        self._done.set()

    async def _keep_rate(self, rate: float) -> None:
        interval = 1 / rate
        due = _now() + interval
        with Ticker(due, interval) as ticker:

            def tick() -> None:
                nonlocal due
                for _ in range(ticker.due()):
                    self._backlog.append(due)
                    due += interval
                while self._backlog and self._idle and not self._ended:
                    self._send_due(self._idle.pop())

            self._loop.add_reader(ticker.fd, tick)
            await self._done.wait()
            self._loop.remove_reader(ticker.fd)
        if self._backlog:
            self.errors[UNSENT] += len(self._backlog)

    def _send_due(self, connection: Connection) -> None:
        due = self._backlog.popleft()
        self._lags.append(_now() - due)
        connection.send(due)

    async def _last_answers(self) -> None:
        deadline = _now() + GRACE_S
        # A look now and then, where an event would cost something at each response.
        while any(c.due is not None for c in self._connections) and _now() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_LAST_LOOK_S)
        for connection in self._connections:
            if connection.due is not None:
                self.errors[UNANSWERED] += 1
                connection.due = None
            connection.close()

    def _result(self, cpu: float) -> LoadResult:
        answered = sum(self._kinds.values())
        statuses: Counter[int] = Counter()
        for (status, _, _), count in self._kinds.items():
            statuses[status] += count
        end = self._last if self.job.requests is not None else self._end
        return LoadResult(
            answered=answered,
            measured=len(self._latencies),
            seconds=max(1e-9, end - self._begin),
            latencies=latencies(self._latencies),
            weighed=self.job.weighed,
            statuses=dict(statuses),
            with_tier=sum(n for (_, tier, _), n in self._kinds.items() if tier),
            failed_open=sum(n for (_, _, opened), n in self._kinds.items() if opened),
            errors=dict(self.errors),
            lag_ms=percentile(sorted(self._lags), 0.99) * 1000 if self._lags else 0.0,
            generator_micros=cpu / max(1, answered) * 1e6,
        )


def main() -> None:
    """Answer jobs on standard input until it ends."""
    # A collection would show as latency, and there is nothing cyclic to collect.
    gc.disable()
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        try:
            answer = Answer(uvloop.run(_run(job)))
        except OSError as error:
            answer = Answer(fault=f"can't connect: {error.strerror or error}")
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


async def _run(job: Job) -> LoadResult:
    return await Load(job).run()


if __name__ == "__main__":
    main()

"""The load generator as its users see it: a `Job` in, a `LoadResult` out, from another process.

Its own process, because it must share the interpreter lock with nothing that is measured. Jobs go
in as lines of JSON, results come out likewise; the end of the input ends the process.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from types import TracebackType
from typing import Self

import msgspec

from weighbridge.bench.statistics import Latencies
from weighbridge.errors import LocalError

GRACE_S = 10.0
"""Seconds that requests in flight get to be answered once the load has ended."""
UNANSWERED = f"unanswered after {GRACE_S:g} s"
UNSENT = "never sent: every connection was waiting"
"""Errors of a target that has more to do than it can."""
_MORE_THAN_A_LINE = 1024 * 1024


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One load run.

    Attributes:
        port: of the HTTP server, on loopback.
        case: which bodies, a key of `prompts.CASES`.
        connections: kept alive, one request at a time on each.
        seconds: length of the measured window.
        warmup_s: seconds of the same load before it, not measured.
        rate: requests per second, due at even intervals whether answers come or not; latency
            counts from when a request was due, so that waiting for a free connection counts.
            None: each connection sends its next request when it has its answer.
        requests: stop after so many, however long it takes; None: after `seconds`.
        weighed: whether each response must carry the tier of something that was asked. Plain
            Envoy's responses come from the catch-all route, which says "fail-open".
    """

    port: int
    case: str
    connections: int
    seconds: float
    warmup_s: float = 0.0
    rate: float | None = None
    requests: int | None = None
    weighed: bool = True


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job. Counts are of the whole job, times of the measured window.

    Attributes:
        answered: complete responses.
        measured: those of them that fell into the window and were as they should be.
        seconds: length of the window.
        latencies: from a request sent (or due) to its response complete.
        statuses: responses by status.
        with_tier: responses that carry the router's tier.
        failed_open: responses that say that nobody weighed the request.
        errors: requests without a complete response, by what happened.
        lag_ms: how late requests were sent, 99th percentile, where a rate was given.
        generator_micros: CPU time of the generator itself, per response.
        weighed: as in the job.
    """

    answered: int
    measured: int
    seconds: float
    latencies: Latencies
    statuses: dict[int, int]
    with_tier: int
    failed_open: int
    errors: dict[str, int]
    lag_ms: float
    generator_micros: float
    weighed: bool = True

    @property
    def requests_per_s(self) -> float:
        """Responses per second of the window."""
        return self.measured / self.seconds

    def faults(self) -> list[str]:
        """Say what keeps this from being a measurement of anything."""
        faults = [f"{count} requests: {what}" for what, count in self.errors.items()]
        faults += [f"{n} responses with status {s}" for s, n in self.statuses.items() if s != _OK]
        if self.weighed and self.failed_open:
            faults.append(f"{self.failed_open} requests failed open: nobody weighed them")
        if self.weighed and (untold := self.answered - self.with_tier):
            faults.append(f"{untold} responses without a tier")
        if not self.measured:
            faults.append("no request was answered in the measured time")
        return faults


_OK = 200


class LoadGenerator:
    """The process that makes load; an async context manager."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "weighbridge.bench.load_worker"),
            stdin=PIPE,
            stdout=PIPE,
            limit=_MORE_THAN_A_LINE,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def run(self, job: Job) -> LoadResult:
        """Run one job to its end.

        Raises:
            LocalError: where nobody listens on the port, or the process is gone.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise LocalError("the load generator was not started")
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        line = await process.stdout.readline()
        if not line:
            raise LocalError(f"the load generator ended with status {await process.wait()}")
        answer = msgspec.json.decode(line, type=Answer)
        if answer.result is None:
            raise LocalError(f"load on port {job.port}: {answer.fault}")
        return answer.result


class Answer(msgspec.Struct, frozen=True):
    """One line of the generator's output: a result, or why there is none."""

    result: LoadResult | None = None
    fault: str = ""

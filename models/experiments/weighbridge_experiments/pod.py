"""One vLLM server in simulated time, by the formulas of `models/simulator`'s engine.

First come, first served, at most `max_num_seqs` at once, each with its blocks of the KV cache; the
newest is preempted when they run out. A first token takes `ttft_s` and its prompt's share, every
other one `itl_s` * (1 + `interference` * running). As all that run get their tokens at one pace,
the pod counts the tokens that one of them gets (`_count`): a request has its answer once that count
has grown by the answer's length. So an answer takes four events, not one a token, and hours of
thousands of users take seconds.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from weighbridge_experiments.clock import Clock
from weighbridge_experiments.errors import ExperimentError
from weighbridge_experiments.request import End, Request


@dataclass(frozen=True)
class Engine:
    """Sizes and speeds of one server.

    Attributes:
        ttft_s: seconds to the first token without the prompt's share.
        prefill_s: seconds more for each token that has to be read.
        itl_s: seconds from token to token of a request that runs alone.
        interference: part by which each that runs makes a token longer.
        max_num_seqs: requests that run at once.
        kv_tokens: tokens that the KV cache holds.
        block_size: tokens of a block of it.
        ttft_jitter: standard deviation of the time to the first token, relative to its mean.
    """

    ttft_s: float
    prefill_s: float
    itl_s: float
    interference: float
    max_num_seqs: int
    kv_tokens: int
    block_size: int = 16
    ttft_jitter: float = 0.0

    def token_s(self, running: int) -> float:
        """Seconds from token to token while so many run."""
        return self.itl_s * (1 + self.interference * running)


class Pod:
    """A server that is up.

    Args:
        clock: of the simulation.
        engine: how fast and how large it is.
        ended: called with each request that ends here.
        dice: for the jitter of first tokens.
    """

    def __init__(
        self, clock: Clock, engine: Engine, ended: Callable[[Request], None], dice: random.Random
    ) -> None:
        self._clock = clock
        self._engine = engine
        self._ended = ended
        self._dice = dice
        self._waiting: deque[Request] = deque()
        self._running: dict[Request, None] = {}
        """In order of admission, oldest first."""
        self._decoding: list[tuple[float, int, int, Request]] = []
        """Heap by `due`, then order of coming; who was preempted since is known by its epoch."""
        self._order = count()
        self._streams = 0
        self._used = 0.0
        self._count = 0.0
        self._counted_at = 0.0
        self._plan = 0
        self._is_crowded = False
        """Since a preemption nobody has left: whoever came in would be the next one preempted."""

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Requests that run."""
        return len(self._running)

    @property
    def load(self) -> int:
        """All of them."""
        return len(self._waiting) + len(self._running)

    @property
    def kv_usage(self) -> float:
        """Share of the KV cache in use, 0 to 1."""
        self._advance()
        return min(1.0, self._used / self._engine.kv_tokens)

    def submit(self, request: Request) -> None:
        """Take a request into the queue."""
        if self._room(request.prompt + request.answer) > self._engine.kv_tokens:
            raise ExperimentError(
                f"expected requests that fit a KV cache of {self._engine.kv_tokens} tokens, "
                f"came one of {request.prompt + request.answer:.0f}: lower the lengths or raise it"
            )
        self._waiting.append(request)
        self._advance()
        self._admit()
        self._plan_next()

    def kill(self) -> None:
        """End at once: whoever is here is cut."""
        self._plan += 1
        for request in (*self._running, *self._waiting):
            request.epoch += 1
            self._end(request, End.CUT)
        self._running.clear()
        self._waiting.clear()
        self._decoding.clear()
        self._streams = 0
        self._used = 0.0

    # The queue

    def _admit(self) -> None:
        while self._waiting and not self._is_crowded and self.running < self._engine.max_num_seqs:
            request = self._waiting[0]
            room = self._room(request.prompt + request.produced + 1)
            if self._used + room > self._engine.kv_tokens:
                return
            self._waiting.popleft()
            self._start(request, room)

    def _start(self, request: Request, room: float) -> None:
        now = self._clock.now
        request.admitted_at = now if request.admitted_at is None else request.admitted_at
        self._used += room
        self._running[request] = None
        epoch = request.epoch
        tokens = request.prompt + request.produced
        seconds = (self._engine.ttft_s + tokens * self._engine.prefill_s) * self._jitter()
        self._clock.after(seconds, lambda: self._first_token(request, epoch))

    def _jitter(self) -> float:
        if not self._engine.ttft_jitter:
            return 1.0
        variance = math.log1p(self._engine.ttft_jitter**2)
        return self._dice.lognormvariate(-variance / 2, math.sqrt(variance))

    def _room(self, tokens: float) -> float:
        """What so many tokens take: blocks are whole, so half of the last is spare, on average."""
        return tokens + (self._engine.block_size - 1) / 2

    # Tokens

    def _first_token(self, request: Request, epoch: int) -> None:
        if request.epoch != epoch:
            return
        self._advance()
        if request.first_token_at is None:
            request.first_token_at = self._clock.now
        request.produced += 1
        if request.produced >= request.answer:
            self._leave(request)
        else:
            request.due = self._count + request.answer - request.produced
            heapq.heappush(self._decoding, (request.due, next(self._order), epoch, request))
            self._streams += 1
        self._admit()
        self._plan_next()

    def _advance(self) -> None:
        """Count the tokens since the last look."""
        now = self._clock.now
        if self._streams and now > self._counted_at:
            tokens = (now - self._counted_at) / self._engine.token_s(self.running)
            self._count += tokens
            self._used += tokens * self._streams
        self._counted_at = now

    def _plan_next(self) -> None:
        """Wake up when the next answer is whole, or the cache full."""
        self._plan += 1
        while self._decoding and self._decoding[0][2] != self._decoding[0][3].epoch:
            heapq.heappop(self._decoding)
        if not self._decoding:
            return
        plan = self._plan
        to_end = self._decoding[0][0] - self._count
        to_full = (self._engine.kv_tokens - self._used) / self._streams
        tokens = max(0.0, min(to_end, to_full))
        is_full = to_full < to_end
        seconds = tokens * self._engine.token_s(self.running)
        self._clock.after(seconds, lambda: self._wake(plan, is_full=is_full))

    def _wake(self, plan: int, *, is_full: bool) -> None:
        if plan != self._plan:
            return
        self._advance()
        if is_full:
            self._preempt(next(reversed(self._running)))
        else:
            _, _, _, request = heapq.heappop(self._decoding)
            self._streams -= 1
            self._count = max(self._count, request.due)
            request.produced = request.answer
            self._leave(request)
        self._admit()
        self._plan_next()

    # Ends

    def _preempt(self, request: Request) -> None:
        if request.due:
            self._streams -= 1
            request.produced = request.answer - (request.due - self._count)
        self._release(request)
        request.preemptions += 1
        self._waiting.appendleft(request)
        self._is_crowded = bool(self._running)

    def _release(self, request: Request) -> None:
        is_reading = not request.due and request.produced < request.answer
        self._used -= self._room(request.prompt + request.produced + is_reading)
        request.epoch += 1
        request.due = 0.0
        del self._running[request]
        if not self._running:
            self._used = 0.0

    def _leave(self, request: Request) -> None:
        self._is_crowded = False
        self._release(request)
        self._end(request, End.ANSWERED)

    def _end(self, request: Request, end: End) -> None:
        request.finish(end, self._clock.now)
        self._ended(request)

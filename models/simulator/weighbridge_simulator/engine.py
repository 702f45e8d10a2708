"""The engine: requests in, tokens at the times at which a GPU would have made them.

Continuous batching as in vLLM: a first-come-first-served queue, at most `max_num_seqs` sequences
running, each holding KV cache blocks; when blocks run out, the newest is preempted and computed
again later. Unlike in vLLM not all sequences step together: those that are due in the same
millisecond do (see wheel.py), so that the times that were set are kept whatever else runs.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from weighbridge_simulator.failures import FailurePlan
from weighbridge_simulator.kv_cache import KVCache
from weighbridge_simulator.metrics import Metrics
from weighbridge_simulator.sequences import Generation, Sequence
from weighbridge_simulator.settings import Settings
from weighbridge_simulator.wheel import TimerWheel


class Engine:
    """One scheduler. Made and used on a single event loop.

    Args:
        settings: times and sizes.
        metrics: where to count.
        failures: for the factors on times, and stalls.
    """

    def __init__(self, settings: Settings, metrics: Metrics, failures: FailurePlan) -> None:
        self._settings = settings
        self._metrics = metrics
        self._failures = failures
        self._loop = asyncio.get_running_loop()
        self._kv = KVCache(settings.kv_blocks)
        self._random = random.Random(settings.seed)  # noqa: S311  # dice, not secrets
        self._prefill_jitter = _jitter(self._random, settings.ttft_jitter)
        self._decode_jitter = _jitter(self._random, settings.itl_jitter)
        self._pace = 0.0 if settings.speed == 0 else 0.001 / settings.speed
        """Seconds that a millisecond of the settings takes."""
        self._waiting: deque[Sequence] = deque()
        self._running: dict[Sequence, None] = {}
        """In order of admission, oldest first."""
        self._wheel = TimerWheel(self._step, self._admit)

    @property
    def running(self) -> int:
        """Sequences that run."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Sequences that wait for a place or for blocks."""
        return len(self._waiting)

    @property
    def kv_usage(self) -> float:
        """Fraction of the KV cache in use, 0 to 1."""
        return self._kv.usage

    def submit(self, generation: Generation) -> None:
        """Put a request's sequences into the queue."""
        self._waiting.extend(generation.sequences)
        self._metrics.params_n.observe(generation.n)
        self._admit()
        self._wheel.arm()

    def abort(self, generation: Generation) -> None:
        """Drop what is left of a request and free its blocks; nothing happens if it has ended."""
        if not generation.unfinished:
            return
        for sequence in generation.sequences:
            if not sequence.is_finished:
                self._drop(sequence)
        self._admit()
        self._wheel.arm()

    def _drop(self, sequence: Sequence) -> None:
        if sequence.lease is None:
            self._waiting.remove(sequence)
        else:
            self._evict(sequence)
        self._metrics.finished["abort"] += 1
        self._close(sequence)

    # Admission

    def _admit(self) -> None:
        """Let waiting sequences run, first come first served, while there are places and blocks."""
        while self._waiting and len(self._running) < self._settings.max_num_seqs:
            sequence = self._waiting[0]
            if not self._lease(sequence):
                return
            self._waiting.popleft()
            self._running[sequence] = None
            now = self._loop.time()
            if sequence.admitted_at is None:
                sequence.admitted_at = now
            seconds = self._prefill_seconds(sequence)
            if seconds > 0:
                self._wheel.add(sequence, now + seconds)
            else:
                self._step((sequence,), now)

    def _lease(self, sequence: Sequence) -> bool:
        # Room for the next token too: otherwise a sequence could be admitted and preempted forever.
        ahead = sequence.remaining if self._is_instant() else 1
        tokens = sequence.prompt_tokens + sequence.produced + ahead
        lease = self._kv.acquire(sequence.hashes, self._blocks(tokens))
        if lease is None:
            return False
        sequence.lease = lease
        sequence.capacity = lease.blocks * self._settings.block_size
        if sequence.admitted_at is None:
            # As in vLLM, a preempted sequence that comes back is not counted again.
            sequence.cached_tokens = lease.hits * self._settings.block_size
            if self._settings.prefix_caching:
                self._metrics.prefix_cache_queries += sequence.prompt_tokens
            self._metrics.prefix_cache_hits += sequence.cached_tokens
        return True

    def _prefill_seconds(self, sequence: Sequence) -> float:
        settings = self._settings
        cached = sequence.lease.hits * settings.block_size if sequence.lease else 0
        tokens = sequence.prompt_tokens + sequence.produced - cached
        milliseconds = settings.ttft_ms + tokens * settings.prefill_us_per_token / 1000
        seconds = milliseconds * self._pace * self._failures.current.ttft_factor
        return seconds * self._prefill_jitter()

    # Steps

    def _step(self, cohort: Iterable[Sequence], due: float) -> None:
        """Produce a token for each sequence of a cohort and say when they get their next ones."""
        now = self._loop.time()
        seconds = self._decode_seconds()
        # Counted from when the step was due, so that late timers don't add up; unless the process
        # is a whole step behind, for a GPU that is late does not catch up either.
        following = (due if now - due < seconds else now) + seconds
        computed = 0
        for sequence in cohort:
            if sequence.lease is None:
                continue  # preempted earlier in this very step
            computed += self._produce(sequence, now, sequence.remaining if seconds == 0 else 1)
            if sequence.lease is not None:
                self._wheel.add(sequence, following + self._stall_seconds(sequence))
        self._metrics.iteration_tokens.observe(computed)

    def _decode_seconds(self) -> float:
        settings = self._settings
        mean = settings.itl_ms * (1 + settings.batch_interference * len(self._running))
        return mean * self._pace * self._failures.current.itl_factor * self._decode_jitter()

    def _is_instant(self) -> bool:
        return self._settings.itl_ms * self._pace * self._failures.current.itl_factor == 0

    def _stall_seconds(self, sequence: Sequence) -> float:
        is_half_way = sequence.produced == max(1, sequence.target // 2)
        stalls = sequence.generation.stalls and is_half_way
        return self._failures.current.stall_seconds if stalls else 0.0

    def _produce(self, sequence: Sequence, now: float, tokens: int) -> int:
        """Give `sequence` its next tokens; answers how many tokens were computed for that."""
        tokens = min(tokens, sequence.remaining)
        if not self._make_room(sequence, tokens):
            return 0
        metrics = self._metrics
        computed = tokens
        if sequence.first_token_at:
            metrics.inter_token_latency.observe(now - sequence.last_token_at)
        else:
            computed += self._end_prefill(sequence, now)
        if tokens > 1:
            metrics.inter_token_latency.observe(0.0, tokens - 1)
        sequence.last_token_at = now
        sequence.produced += tokens
        metrics.generation_tokens += tokens
        if sequence.remaining == 0:
            self._finish(sequence, now)
        elif sequence.generation.wakes_per_token:
            sequence.generation.notify()
        return computed

    def _end_prefill(self, sequence: Sequence, now: float) -> int:
        metrics = self._metrics
        sequence.first_token_at = now
        metrics.prompt_tokens += sequence.prompt_tokens
        metrics.prompt_tokens_cached += sequence.cached_tokens
        if sequence.target:
            metrics.time_to_first_token.observe(now - sequence.generation.arrived_at)
        return sequence.prompt_tokens - sequence.cached_tokens

    def _make_room(self, sequence: Sequence, tokens: int) -> bool:
        """Find blocks, preempting the newest; False if that turns out to be `sequence` itself."""
        total = sequence.prompt_tokens + sequence.produced + tokens
        while sequence.lease is not None and total > sequence.capacity:
            if self._kv.extend(sequence.lease, self._blocks(total)):
                sequence.capacity = sequence.lease.blocks * self._settings.block_size
            else:
                self._preempt(next(reversed(self._running)))
        return sequence.lease is not None

    def _preempt(self, sequence: Sequence) -> None:
        self._evict(sequence)
        self._waiting.appendleft(sequence)
        sequence.preemptions += 1
        self._metrics.preemptions += 1

    # Ends

    def _finish(self, sequence: Sequence, now: float) -> None:
        self._evict(sequence)
        self._record(sequence, now)
        self._close(sequence)
        if sequence.generation.unfinished == 0:
            longest = max(each.produced for each in sequence.generation.sequences)
            self._metrics.request_max_num_generation_tokens.observe(longest)

    def _evict(self, sequence: Sequence) -> None:
        """Take a sequence off the engine and free its blocks."""
        if sequence.lease is not None:
            self._kv.release(sequence.lease)
            sequence.lease = None
        self._running.pop(sequence, None)
        self._wheel.discard(sequence)

    def _close(self, sequence: Sequence) -> None:
        generation = sequence.generation
        sequence.is_finished = True
        generation.unfinished -= 1
        if generation.wakes_per_token or generation.unfinished == 0:
            generation.notify()

    def _record(self, sequence: Sequence, now: float) -> None:
        metrics = self._metrics
        admitted_at = sequence.admitted_at if sequence.admitted_at is not None else now
        arrived_at = sequence.generation.arrived_at
        decode = sequence.last_token_at - sequence.first_token_at
        metrics.finished[sequence.finish] += 1
        metrics.e2e_latency.observe(now - arrived_at)
        metrics.queue_time.observe(admitted_at - arrived_at)
        metrics.prefill_time.observe(sequence.first_token_at - admitted_at)
        metrics.inference_time.observe(sequence.last_token_at - admitted_at)
        metrics.decode_time.observe(decode)
        metrics.time_per_output_token.observe(decode / max(1, sequence.produced - 1))
        metrics.request_preemptions.observe(sequence.preemptions)
        metrics.request_prompt_tokens.observe(sequence.prompt_tokens)
        metrics.request_generation_tokens.observe(sequence.produced)
        metrics.request_prefill_kv_computed.observe(sequence.prompt_tokens - sequence.cached_tokens)
        if sequence.generation.max_tokens:
            metrics.params_max_tokens.observe(sequence.generation.max_tokens)

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self._settings.block_size)


def _jitter(dice: random.Random, deviation: float) -> Callable[[], float]:
    """Make what draws lognormal factors of mean 1; without a deviation nothing is drawn."""
    if not deviation:
        return lambda: 1.0
    sigma = math.sqrt(math.log1p(deviation**2))
    return partial(dice.lognormvariate, -sigma * sigma / 2, sigma)

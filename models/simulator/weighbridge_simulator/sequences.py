"""What the engine works on: one `Generation` per request, one `Sequence` per answer in it."""

import asyncio
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from weighbridge_simulator.kv_cache import Lease


class Sequence:
    """One answer on its way through the engine, which alone writes here.

    Args:
        generation: the request it belongs to.
        prompt_tokens: length of its prompt.
        hashes: of the prompt's full blocks, or none without prefix caching.
        target: tokens that will be produced; 0 for an embedding.
        finish: why it ends there.
    """

    __slots__ = (
        "admitted_at",
        "cached_tokens",
        "capacity",
        "finish",
        "first_token_at",
        "generation",
        "hashes",
        "is_finished",
        "last_token_at",
        "lease",
        "preemptions",
        "produced",
        "prompt_tokens",
        "target",
        "tick",
    )

    def __init__(
        self,
        generation: "Generation",
        prompt_tokens: int,
        hashes: tuple[int, ...],
        target: int,
        finish: Literal["stop", "length"],
    ) -> None:
        self.generation = generation
        self.prompt_tokens = prompt_tokens
        self.hashes = hashes
        self.target = target
        self.finish = finish
        self.produced = 0
        self.is_finished = False
        self.lease: Lease | None = None
        """Its blocks; None while it waits and once it has ended."""
        self.capacity = 0
        """Tokens for which `lease` has room."""
        self.tick = 0
        """When it gets its next token, in the engine's ticks."""
        self.preemptions = 0
        self.cached_tokens = 0
        self.admitted_at: float | None = None
        self.first_token_at = 0.0
        self.last_token_at = 0.0

    @property
    def remaining(self) -> int:
        """Tokens still to come."""
        return self.target - self.produced


class Generation:
    """One request in the engine: its sequences, and the one coroutine that waits for them.

    Args:
        arrived_at: time on the event loop's clock.
        wakes_per_token: wake the waiter for each token, not only at the end.
        max_tokens: as asked for, for the metrics.
        n: as asked for, for the metrics.
        stalls: stop half way, see `Failures.stall_seconds`.
    """

    __slots__ = (
        "_changed",
        "_waiter",
        "arrived_at",
        "max_tokens",
        "n",
        "sequences",
        "stalls",
        "unfinished",
        "wakes_per_token",
    )

    def __init__(
        self,
        arrived_at: float,
        *,
        wakes_per_token: bool,
        max_tokens: int | None,
        n: int,
        stalls: bool,
    ) -> None:
        self.arrived_at = arrived_at
        self.wakes_per_token = wakes_per_token
        self.max_tokens = max_tokens
        self.n = n
        self.stalls = stalls
        self.sequences: list[Sequence] = []
        self.unfinished = 0
        self._changed = False
        self._waiter: asyncio.Future[None] | None = None

    def add(
        self,
        prompt_tokens: int,
        hashes: tuple[int, ...],
        target: int,
        finish: Literal["stop", "length"],
    ) -> None:
        """Add one answer to be produced."""
        self.sequences.append(Sequence(self, prompt_tokens, hashes, target, finish))
        self.unfinished += 1

    def notify(self) -> None:
        """Wake the waiter: there is news."""
        self._changed = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def changed(self) -> None:
        """Return once there is news since the last call; one waiter at a time."""
        if not self._changed:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._changed = False

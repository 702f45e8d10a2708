"""KV cache book-keeping: how many blocks are free, and which prompt blocks could be used again.

Only counts and block hashes are kept, no data. Blocks of finished prompts stay findable until
their space is wanted, oldest first, as in vLLM's automatic prefix caching.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec


class Lease(msgspec.Struct):
    """The blocks that one sequence holds.

    Attributes:
        shared: hashes of its blocks that others may hold too, in prompt order.
        private: number of its other blocks.
        hits: number of `shared` blocks that were there already when it came.
    """

    shared: tuple[int, ...]
    private: int
    hits: int

    @property
    def blocks(self) -> int:
        """Number of blocks held."""
        return len(self.shared) + self.private


class KVCache:
    """A pool of equal blocks.

    Args:
        blocks: size of the pool.
    """

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._free = blocks
        self._held: dict[int, int] = {}
        """Hash of a block in use -> number of leases on it."""
        self._idle: OrderedDict[int, None] = OrderedDict()
        """Hashes of blocks that nobody uses but that are still findable, oldest first."""

    @property
    def usage(self) -> float:
        """Fraction of the blocks in use, 0 to 1; findable ones that nobody uses count as free."""
        return 1.0 - self._available / self._blocks

    @property
    def _available(self) -> int:
        return self._free + len(self._idle)

    def acquire(self, hashes: Sequence[int], blocks: int) -> Lease | None:
        """Take `blocks` blocks, the first of them by hash; None if there are not enough.

        Args:
            hashes: of the prompt's full blocks; may be empty (no prefix caching).
            blocks: how many in all, at least as many as there are hashes.
        """
        hits = self._count_hits(hashes)
        revived = sum(1 for block in hashes[:hits] if block in self._idle)
        if blocks - hits > self._available - revived:
            return None
        for block in hashes[:hits]:
            self._idle.pop(block, None)
            self._held[block] = self._held.get(block, 0) + 1
        self._take(blocks - hits)
        fresh = [block for block in hashes[hits:] if self._publish(block)]
        shared = (*hashes[:hits], *fresh)
        return Lease(shared=shared, private=blocks - len(shared), hits=hits)

    def extend(self, lease: Lease, blocks: int) -> bool:
        """Let `lease` grow to `blocks` blocks; False, and no change, if there are not enough."""
        wanted = blocks - lease.blocks
        if wanted > self._available:
            return False
        if wanted > 0:
            self._take(wanted)
            lease.private += wanted
        return True

    def release(self, lease: Lease) -> None:
        """Give all blocks back; those with a hash stay findable until their space is wanted."""
        # Tails first: a prefix is worth more than what followed it.
        for block in reversed(lease.shared):
            leases = self._held[block] - 1
            if leases:
                self._held[block] = leases
            else:
                del self._held[block]
                self._idle[block] = None
        self._free += lease.private

    def _count_hits(self, hashes: Sequence[int]) -> int:
        for position, block in enumerate(hashes):
            if block not in self._held and block not in self._idle:
                return position
        return len(hashes)

    def _take(self, blocks: int) -> None:
        while self._free < blocks:
            self._idle.popitem(last=False)
            self._free += 1
        self._free -= blocks

    def _publish(self, block: int) -> bool:
        """Make a new block findable; False if its hash is taken: an earlier block was evicted."""
        if block in self._held or block in self._idle:
            return False
        self._held[block] = 1
        return True

"""Scored prompts in, a sample of them out that mirrors the whole in its scores.

Each prompt has a place of its own that only its words and the seed decide. A sample is the first in
that order of each tenth of the scale, so that a larger one holds nearly all of a smaller one: what
was paid for its labels stays of use.
"""

import hashlib
import heapq
from collections.abc import Sequence

from weighbridge.learn.records import PromptLine

DECILES = 10


def decile_of(score: float) -> int:
    """Tenth of the scale, 0..9."""
    return min(DECILES - 1, int(score * DECILES))


class StratifiedSample:
    """Chooses prompts as they come; at most `size` of each tenth are held at any time.

    Args:
        size: prompts wanted in all.
        seed: another one gives another sample.
        even: as many of each tenth as there are; else each tenth has its share of the whole.
    """

    def __init__(self, size: int, seed: int, *, even: bool = False) -> None:
        self._size = size
        self._seed = hashlib.blake2b(str(seed).encode()).digest()
        self._even = even
        self._count = 0
        self._counts = [0] * DECILES
        # Places are negated: the heap's first is the last of those held, and goes when one is over.
        self._held: list[list[tuple[int, int, PromptLine]]] = [[] for _ in range(DECILES)]

    def add(self, line: PromptLine, score: float, key: bytes) -> None:
        """Take one prompt; `key` stands for its words."""
        digest = hashlib.blake2b(key, digest_size=8, key=self._seed).digest()
        held = self._held[decile_of(score)]
        self._counts[decile_of(score)] += 1
        heapq.heappush(held, (-int.from_bytes(digest), self._count, line))
        self._count += 1
        if len(held) > self._size:
            heapq.heappop(held)

    def chosen(self) -> list[tuple[PromptLine, int]]:
        """The sample in the order in which it came, each prompt with its tenth."""
        parts = split(self._counts, self._size, even=self._even)
        found = [
            (count, line, decile)
            for decile, (held, part) in enumerate(zip(self._held, parts, strict=True))
            for _, count, line in heapq.nlargest(part, held)
        ]
        return [(line, decile) for _, line, decile in sorted(found, key=lambda one: one[0])]


def split(counts: Sequence[int], size: int, *, even: bool = False) -> list[int]:
    """How many to take of each group, `size` in all or, where there are not so many, all."""
    total = sum(counts)
    if size >= total:
        return list(counts)
    return _even_parts(counts, size) if even else _shares(counts, size, total)


def _even_parts(counts: Sequence[int], size: int) -> list[int]:
    """What small groups can't give, the larger ones give in equal parts."""
    parts = [0] * len(counts)
    left = size
    by_size = sorted(range(len(counts)), key=lambda group: counts[group])
    for place, group in enumerate(by_size):
        parts[group] = min(counts[group], left // (len(counts) - place))
        left -= parts[group]
    return parts


def _shares(counts: Sequence[int], size: int, total: int) -> list[int]:
    """Proportional parts; those with the largest remainders get what rounding left over."""
    parts = [size * count // total for count in counts]
    by_remainder = sorted(
        range(len(counts)), key=lambda group: size * counts[group] % total, reverse=True
    )
    for group in by_remainder[: size - sum(parts)]:
        parts[group] += 1
    return parts

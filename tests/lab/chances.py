"""Bounds for counts of what is drawn by chance."""

from math import comb


def likely(draws, share, doubt=1e-7):
    """The counts that `draws` with this share stay within, but for a chance of `doubt` a side."""
    chances = [comb(draws, k) * share**k * (1 - share) ** (draws - k) for k in range(draws + 1)]
    return range(_tail(chances, doubt), draws + 1 - _tail(chances[::-1], doubt))


def _tail(chances, doubt):
    """How many of the first are less likely than that, all together."""
    total = 0.0
    for count, chance in enumerate(chances):
        total += chance
        if total > doubt:
            return count
    return len(chances)

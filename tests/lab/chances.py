"""Bounds for counts of what is drawn by chance."""

from math import exp, lgamma, log


def likely(draws, share, doubt=1e-7):
    """The counts that `draws` with this share stay within, but for a chance of `doubt` a side."""
    chances = [_chance(draws, count, share) for count in range(draws + 1)]
    return range(_tail(chances, doubt), draws + 1 - _tail(chances[::-1], doubt))


def _chance(draws, count, share):
    """Of exactly so many; by logarithms, as the factors are beyond any float."""
    if share in (0, 1):
        return float(count == draws * share)
    ways = lgamma(draws + 1) - lgamma(count + 1) - lgamma(draws - count + 1)
    return exp(ways + count * log(share) + (draws - count) * log(1 - share))


def _tail(chances, doubt):
    """How many of the first are less likely than that, all together."""
    total = 0.0
    for count, chance in enumerate(chances):
        total += chance
        if total > doubt:
            return count
    return len(chances)

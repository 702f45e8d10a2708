"""Names that clients choose in, a bounded number of label values out.

A series lives as long as its process and costs Prometheus memory, so no client may make as many as
it likes. `Roll` is for names that are few: first come, first served. `Heavyweights` is for names
that are many, of which those with most tokens are of interest.
"""

from collections.abc import Callable, Collection
from typing import Final

NOBODY: Final = "none"
"""The label where no name was told."""
OTHER: Final = "other"
"""The label that all share who have none of their own."""

_LONGEST = 64
_CANDIDATES_PER_SEAT = 4


def cleaned(name: str) -> str:
    """A name as told by Envoy, as a label; long ones and those with control signs are cut out."""
    if name in {"", "-"}:
        return NOBODY
    return name if len(name) <= _LONGEST and name.isprintable() else OTHER


class Roll:
    """At most `most` names.

    Args:
        most: how many; `none` and `other` come on top.
        known: the only names that count, where given.
    """

    def __init__(self, most: int, known: Collection[str] = ()) -> None:
        self._most = max(most, len(known))
        self._only = bool(known)
        self._names = set(known)

    def label(self, name: str) -> str:
        """The label of a name."""
        name = cleaned(name)
        if name in self._names or name == NOBODY:
            return name
        if self._only or len(self._names) >= self._most:
            return OTHER
        self._names.add(name)
        return name


class Heavyweights:
    """The `most` names that weigh most, as far as a bounded memory can tell.

    Args:
        most: seats; 0: everybody is `other`.
        leave: called with a name that loses its seat.

    Space-saving counts (Metwally and others, 2005) decide: of `4 * most` candidates the lightest
    gives way to a newcomer, who inherits its weight as a possible error. A newcomer is seated once
    what surely is its own outweighs the lightest who sits.
    """

    def __init__(self, most: int, leave: Callable[[str], None]) -> None:
        self._most = most
        self._leave = leave
        self._weights: dict[str, tuple[int, int]] = {}
        self._seated: set[str] = set()

    def label(self, name: str, weight: int) -> str:
        """Add weight to a name and give its label, from now on."""
        name = cleaned(name)
        if name in {NOBODY, OTHER} or not self._most:
            return name if name == NOBODY else OTHER
        self._add(name, weight)
        if name not in self._seated and self._is_due(name):
            self._seated.add(name)
        return name if name in self._seated else OTHER

    def _add(self, name: str, weight: int) -> None:
        total, error = self._weights.get(name, (0, 0))
        if name not in self._weights and len(self._weights) >= _CANDIDATES_PER_SEAT * self._most:
            lightest = min(self._weights, key=self._total)
            total = error = self._weights.pop(lightest)[0]
            self._rise(lightest)
        self._weights[name] = (total + weight, error)

    def _is_due(self, name: str) -> bool:
        if len(self._seated) < self._most:
            return True
        lightest = min(self._seated, key=self._total)
        total, error = self._weights[name]
        if total - error <= self._total(lightest):
            return False
        self._rise(lightest)
        return True

    def _total(self, name: str) -> int:
        return self._weights[name][0]

    def _rise(self, name: str) -> None:
        if name in self._seated:
            self._seated.remove(name)
            self._leave(name)

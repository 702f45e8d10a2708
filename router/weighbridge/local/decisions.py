"""Read Envoy's JSON access log as it grows, and count what became of the requests."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

NOT_ROUTED = "-"
"""Stands for the tier of a request that Envoy answered itself, a 413 for example."""


@dataclass(frozen=True)
class Line:
    """One request, as the access log tells it.

    Attributes:
        time: when it began, UTC, ISO 8601.
        tier: where it went, or `NOT_ROUTED`.
        score: with three decimals; empty where nothing was weighed.
        reason: why it went there.
        status: HTTP status; 0 where the client left before the answer.
        duration_ms: from its first byte to the last of the answer.
        upstream: address of the server that answered, or empty.
        path: without the query.
    """

    time: str
    tier: str
    score: str
    reason: str
    status: int
    duration_ms: int
    upstream: str
    path: str

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "Line":
        """Make it of a parsed line; what is null there is empty here."""
        return cls(
            time=entry.get("time") or "",
            tier=entry.get("tier") or NOT_ROUTED,
            score=entry.get("score") or "",
            reason=entry.get("reason") or entry.get("details") or "",
            status=entry.get("status") or 0,
            duration_ms=entry.get("duration_ms") or 0,
            upstream=entry.get("upstream_host") or "",
            path=entry.get("path") or "",
        )

    @property
    def clock(self) -> str:
        """The time of day, HH:MM:SS."""
        return self.time.partition("T")[2][:8]


class AccessLog:
    """A growing file, read from its beginning; a line that is half written waits for its rest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def read_new(self) -> list[Line]:
        """Give the lines written since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [Line.of(orjson.loads(line)) for line in whole if line]


@dataclass
class Tally:
    """Counts of a run."""

    tiers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    def add(self, lines: Iterable[Line]) -> None:
        """Count lines."""
        for line in lines:
            self.tiers[line.tier] += 1
            self.reasons[line.reason] += 1
            self.failed += line.status == 0 or line.status >= _FIRST_FAILURE

    def summary(self) -> str:
        """One line: requests, shares of the tiers, reasons by frequency, failures."""
        total = self.tiers.total()
        if not total:
            return "no requests yet"
        shares = ", ".join(
            f"{tier} {count} ({count / total:.0%})" for tier, count in self.tiers.most_common()
        )
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.reasons.most_common())
        requests = "1 request" if total == 1 else f"{total} requests"
        return f"{requests}: {shares}; by {reasons}; {self.failed} failed"


_FIRST_FAILURE = 500

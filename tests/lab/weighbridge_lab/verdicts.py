"""Canaries under traffic: a change, requests meanwhile, and a table of what it came to.

An act is traffic around one change. What its clients, the gateway and the analyses say of it is one
row of the table that a run of the tests ends with; documents quote their figures from there.
"""

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from weighbridge_lab.canaries import CanaryLab, Version
from weighbridge_lab.change import Change, Weight
from weighbridge_lab.gatewaylog import Request
from weighbridge_lab.ledger import Ledger
from weighbridge_lab.traffic import Traffic

_BAD = ("Failed", "Error")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one canary came to.

    Attributes:
        case: for people.
        end: what became of it.
        blamed: metrics that ended it.
        seconds: from the push to its end.
        rate: requests a second that were asked for, to both tiers.
        requests: of the tier, from the push to the end of the traffic.
        touched: of these, those that the new version had.
        meant: of these, those that the weights in force meant for it.
        sample_s: from the first request that it had to the first bad measurement, if there was one.
        abort_s: from that to the abort.
        clear_s: from that to the last request that it was given.
        failed_new: failed requests that the new version had.
        failed_else: failed requests of clients that it did not have.
    """

    case: str
    end: str
    blamed: Sequence[str]
    seconds: float
    rate: float
    requests: int
    touched: int
    meant: float
    sample_s: float | None
    abort_s: float | None
    clear_s: float | None
    failed_new: int
    failed_else: int

    @property
    def beyond(self) -> float:
        """Share of requests that touched the new version beyond what its weights meant for it."""
        return (self.touched - self.meant) / self.requests if self.requests else 0.0

    @classmethod
    def of(cls, case: str, change: Change, ledger: Ledger, ended: float) -> Self:
        """Count what chronicle, gateway and clients say of a change."""
        requests, servers = change.requests(), change.servers()
        touched = [r for r in requests if r.server in servers or _found_no_server(r)]
        first = min((request.at for request in touched), default=None)
        last = max((request.at for request in touched), default=None)
        sample = next((m.at for m in change.measurements() if m.phase in _BAD), None)
        failed_new = sum(request.failed for request in touched)
        return cls(
            case=case,
            end=change.end,
            blamed=sorted(change.blamed()),
            seconds=ended - change.began,
            rate=ledger.rate,
            requests=len(requests),
            touched=len(touched),
            meant=meant(requests, change.weights()),
            sample_s=_between(first, sample),
            abort_s=_between(sample, change.aborted_at()),
            clear_s=_between(sample, last),
            failed_new=failed_new,
            failed_else=len(ledger.failed()) - failed_new,
        )


class Act:
    """Traffic around a change, while a block runs::

        with Act(lab, change, Version.new("--ttft-factor=4"), "TTFT x4", table) as act:
            act.change.until_aborted()
        assert act.figures.failed_else == 0

    Args:
        lab: it runs in.
        change: not pushed yet.
        version: that is pushed once traffic flows.
        case: for people.
        table: that gets its figures.
        rate: requests a second, to both tiers; 0: none.
        max_tokens: length of answers.
    """

    def __init__(
        self,
        lab: CanaryLab,
        change: Change,
        version: Version,
        case: str,
        table: list[Figures],
        *,
        rate: float,
        max_tokens: int = 8,
    ) -> None:
        self.change = change
        self._version = version
        self._case = case
        self._table = table
        self._rate = rate
        self._traffic = Traffic(lab.gateway, rate=rate, max_tokens=max_tokens)

    @property
    def ledger(self) -> Ledger:
        """What became of all requests; there after the block."""
        return self._traffic.ledger

    @property
    def figures(self) -> Figures:
        """What it came to; there after the block."""
        return self._table[-1]

    def until_answered(self, seconds: float) -> None:
        """Wait until there are as many more complete answers as are sent in that time."""
        self._traffic.until_answered(round(seconds * self._rate), 30 + 2 * seconds)

    def __enter__(self) -> Self:
        self._traffic.__enter__()
        try:
            # Both versions have a window of requests behind them.
            self.until_answered(1)
            self.change.push(self._version)
        except BaseException:
            self._traffic.__exit__()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        ended = time.time()
        try:
            if kind is None:
                # What comes too late comes now.
                self.until_answered(2)
        finally:
            self._traffic.__exit__()
        if kind is None:
            self._table.append(Figures.of(self._case, self.change, self.ledger, ended))


def meant(requests: Sequence[Request], weights: Sequence[Weight]) -> float:
    """Count the requests that weights in force at their time meant for the canary."""
    times = [weight.at for weight in weights]
    found = (bisect_right(times, request.at) for request in requests)
    return sum(weights[number - 1].percent / 100 for number in found if number)


def _found_no_server(request: Request) -> bool:
    """Whether it was the canary's, and no pod of it was there."""
    return request.subset == "canary" and not request.server


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else end - start


_COLUMNS = (
    "canary",
    "end",
    "by",
    "after",
    "req/s",
    "requests of the tier",
    "touched it",
    "beyond its weight",
    "its first request to first bad sample",
    "from there to abort",
    "from there to its last request",
    "failed by it",
    "failed else",
)


def table(rows: Sequence[Figures]) -> str:
    """Write the rows as Markdown."""
    lines = [_COLUMNS, ("---", "---", "---", *["---:"] * (len(_COLUMNS) - 3))]
    lines += [_cells(row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        row.case,
        row.end,
        ", ".join(row.blamed) or "-",
        f"{row.seconds:.0f} s",
        f"{row.rate:g}",
        f"{row.requests:,}",
        f"{row.touched:,} ({row.touched / max(row.requests, 1):.1%})",
        # Of one that was promoted or replaced, later weights are another's.
        f"{row.beyond:+.1%}" if row.end == "aborted" else "-",
        *(_told(seconds) for seconds in (row.sample_s, row.abort_s, row.clear_s)),
        f"{row.failed_new:,}",
        f"{row.failed_else:,}",
    )


def _told(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"

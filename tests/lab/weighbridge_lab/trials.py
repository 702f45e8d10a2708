"""Faults under traffic: requests before, during and after one, and a table of what they came to.

A trial is traffic around a fault. What became of its requests is one row of the table that a run of
the tests ends with; documents quote their figures from there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from weighbridge_lab.ledger import Ledger, Record
from weighbridge_lab.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one trial came to.

    Attributes:
        fault: for people.
        rate: requests a second that were asked for.
        late_ms: by how much the generator was late at worst.
        requests: sent.
        failed: in any way.
        retriable: of these, what a retry of the mesh could have saved.
        lost: of these, what a server may have begun and did not answer.
        cut: of these, answers that broke off.
        unweighed: answered, but without the router's word.
        failed_for_s: from the fault until the last request was sent that failed; None: none that
            was sent after it did.
        unweighed_for_s: the same of what was answered without the router's word.
    """

    fault: str
    rate: float
    late_ms: float
    requests: int
    failed: int
    retriable: int
    lost: int
    cut: int
    unweighed: int
    failed_for_s: float | None
    unweighed_for_s: float | None

    @classmethod
    def of(cls, fault: str, ledger: Ledger, struck: float) -> Self:
        """Count what is in a ledger of a fault that came at `struck`, by the monotonic clock."""
        return cls(
            fault=fault,
            rate=ledger.rate,
            late_ms=ledger.late_s * 1000,
            requests=len(ledger.records),
            failed=len(ledger.failed()),
            retriable=len(ledger.retriable()),
            lost=len(ledger.lost()),
            cut=len(ledger.cut()),
            unweighed=len(ledger.unweighed()),
            failed_for_s=_last_s(ledger.failed(), struck),
            unweighed_for_s=_last_s(ledger.unweighed(), struck),
        )


class Trial:
    """Traffic around a fault, while a block runs::

        with Trial("both routers are killed", lab.gateway, table, rate=100) as trial:
            trial.strike()
            lab.kubectl("delete", ...)
            trial.until_answered(100)
        assert not trial.ledger.retriable(), trial.ledger.summary()

    Args:
        fault: for people.
        url: of the endpoint.
        table: that gets its figures.
        before: complete answers that show that all is well before the block begins.
        patience_s: within which they come.
        traffic: options of `Traffic`.
    """

    def __init__(
        self,
        fault: str,
        url: str,
        table: list[Figures],
        *,
        before: int = 20,
        patience_s: float = 30.0,
        **traffic: Any,
    ) -> None:
        self._fault = fault
        self._before = before
        self._patience_s = patience_s
        self._table = table
        self._traffic = Traffic(url, **traffic)
        self._struck: float | None = None

    @property
    def ledger(self) -> Ledger:
        """What became of all requests; there after the block."""
        return self._traffic.ledger

    def strike(self) -> float:
        """Say that the fault begins now; returns when that is, by the monotonic clock."""
        self._struck = time.monotonic()
        return self._struck

    def until_answered(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until there are so many more complete answers than now."""
        self._traffic.until_answered(count, timeout_s)

    def __enter__(self) -> Self:
        self._traffic.__enter__()
        try:
            self.until_answered(self._before, self._patience_s)
        except BaseException:
            self._traffic.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._traffic.__exit__()
        if self._struck is not None:
            self._table.append(Figures.of(self._fault, self.ledger, self._struck))


_COLUMNS = (
    "fault",
    "req/s",
    "requests",
    "failed",
    "a retry could have saved",
    "lost",
    "cut",
    "last failure",
    "unweighed",
    "last unweighed",
    "sent late by",
)


def table(rows: Sequence[Figures]) -> str:
    """Write the rows as Markdown, by name."""
    lines = [_COLUMNS, ("---", *["---:"] * (len(_COLUMNS) - 1))]
    lines += [_cells(row) for row in sorted(rows, key=lambda row: row.fault)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Figures) -> tuple[str, ...]:
    counts = (row.requests, row.failed, row.retriable, row.lost, row.cut)
    return (
        row.fault,
        f"{row.rate:g}",
        *(f"{count:,}" for count in counts),
        _after(row.failed_for_s),
        f"{row.unweighed:,}",
        _after(row.unweighed_for_s),
        f"{row.late_ms:.0f} ms",
    )


def _after(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _last_s(records: Sequence[Record], since: float) -> float | None:
    return max((r.started - since for r in records if r.started >= since), default=None)

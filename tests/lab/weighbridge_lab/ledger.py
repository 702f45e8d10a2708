"""What became of every request of a test's traffic, and the sums that tests and people ask for.

Times are seconds of this machine's monotonic clock, which is the same in every process: a test
notes `time.monotonic()` beside what it does to a lab and finds the requests of that moment.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
from weighbridge.contract import Reason

_SHOWN_FAILURES: Final = 5
_SERVER_FAULT: Final = 500
_LOST: Final = "connection_lost"


class Kind(StrEnum):
    """What was asked for."""

    EASY = "easy"
    EASY_STREAM = "easy-stream"
    HARD = "hard"
    HARD_STREAM = "hard-stream"
    MODELS = "models"


class Outcome(StrEnum):
    """What became of it."""

    COMPLETE = "complete"
    """A good answer, whole: a stream ended with [DONE], a document with its last brace."""
    REFUSED = "refused"
    """An answer of another status than 2xx."""
    CUT = "cut"
    """A good answer began and did not end as it should."""
    UNANSWERED = "unanswered"
    """Not a byte came: no connection, a lost one, or none in time."""
    ABANDONED = "abandoned"
    """Still going when the traffic was ended: no fault of the server's."""


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One request.

    Attributes:
        kind: what was asked for.
        started: when it was sent, in seconds of the monotonic clock.
        seconds: from then to its end, good or bad.
        outcome: what became of it.
        status: of HTTP; None: there was none.
        tier: as the answer's header names it.
        reason: the same.
        error: class of the exception that ended it.
        code: of the error that was answered, as OpenAI's shape has it.
    """

    kind: Kind
    started: float
    seconds: float
    outcome: Outcome
    status: int | None = None
    tier: str | None = None
    reason: str | None = None
    error: str | None = None
    code: str | None = None

    @property
    def result(self) -> str:
        """The status, "cut" with it where it promised more, or the exception's class."""
        if self.outcome is Outcome.CUT:
            return f"{self.status} cut"
        return str(self.status or self.error or self.outcome)


class Ledger(msgspec.Struct, frozen=True):
    """All requests of one traffic, in the order in which they ended.

    Attributes:
        rate: requests a second that were asked for.
        began: when, in seconds of the monotonic clock.
        ended: when the last one was sent.
        late_s: by how much a request was sent too late at worst; large: the generator lacked CPU.
        records: of the requests.
    """

    rate: float
    began: float
    ended: float
    late_s: float
    records: Sequence[Record]

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """Read what `write` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        unfinished = path.with_name(f".{path.name}")
        unfinished.write_bytes(msgspec.json.encode(self))
        unfinished.rename(path)

    def failed(self) -> list[Record]:
        """Return those that an honest client calls failed."""
        fine = (Outcome.COMPLETE, Outcome.ABANDONED)
        return [record for record in self.records if record.outcome not in fine]

    def cut(self) -> list[Record]:
        """Return those whose answer broke off: no mesh can retry them."""
        return [record for record in self.records if record.outcome is Outcome.CUT]

    def retriable(self) -> list[Record]:
        """Return the failures that a retry of the mesh could have saved: no server had begun.

        An error of the server's, 5xx, is one of them: the mesh sends it in place of an answer. What
        is refused with 4xx would be refused again, and what was lost may have been begun.
        """
        return [record for record in self.failed() if _is_retriable(record)]

    def lost(self) -> list[Record]:
        """Return those whose server went before it answered: it had them, and may have begun."""
        return [record for record in self.records if record.code == _LOST]

    def unweighed(self) -> list[Record]:
        """Return those that were answered without the router's word."""
        return [record for record in self.records if record.reason == Reason.FAIL_OPEN]

    def between(self, start: float, end: float) -> "Ledger":
        """Return the part that was sent from `start` on and before `end`."""
        kept = [record for record in self.records if start <= record.started < end]
        began, ended = max(start, self.began), min(end, self.ended)
        return msgspec.structs.replace(self, began=began, ended=ended, records=kept)

    def by_status(self) -> Counter[str]:
        """Count by `Record.result`."""
        return Counter(record.result for record in self.records)

    def by_tier(self, *kinds: Kind) -> Counter[str]:
        """Count complete answers by tier, of all kinds or of these; "-": it named none."""
        complete = (record for record in self.records if record.outcome is Outcome.COMPLETE)
        return Counter(record.tier or "-" for record in complete if record.kind in (kinds or Kind))

    def by_reason(self) -> Counter[str]:
        """Count complete answers by reason; "-": they named none."""
        complete = (record for record in self.records if record.outcome is Outcome.COMPLETE)
        return Counter(record.reason or "-" for record in complete)

    def summary(self) -> str:
        """Return some lines for a person, or for the message of an assertion."""
        failed = self.failed()
        sent, duration = len(self.records), self.ended - self.began
        retriable, lost, cut = len(self.retriable()), len(self.lost()), len(self.cut())
        lines = [
            f"{sent} requests in {duration:.1f} s at {self.rate:g} a second",
            f"sent {self.late_s * 1000:.0f} ms late at worst",
            f"{len(failed)} failed: {retriable} retriable, {lost} lost, {cut} cut",
            f"results: {_listed(self.by_status())}",
            f"tiers: {_listed(self.by_tier())}; reasons: {_listed(self.by_reason())}",
            *(self._told(record) for record in failed[:_SHOWN_FAILURES]),
        ]
        return "\n".join(lines)

    def _told(self, record: Record) -> str:
        sent = f"{record.started - self.began:.3f} s"
        because = f" ({record.error or record.code})" if record.error or record.code else ""
        after = f"after {record.seconds:.3f} s"
        return f"  {record.kind} sent at {sent}: {record.outcome} {after}, {record.result}{because}"


def _is_retriable(record: Record) -> bool:
    refused = record.outcome is Outcome.REFUSED and (record.status or 0) >= _SERVER_FAULT
    return (refused and record.code != _LOST) or record.outcome is Outcome.UNANSWERED


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"

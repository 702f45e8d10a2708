"""Graded prompts of our own in, how many of them the router decides right, group by group.

Easy ones (difficulty 1 and 2) are right in the easy tier, hard ones (4 and 5) in the hard tier; a 3
is a toss-up and counts for neither. The format stands in router/training/cases/README.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from weighbridge.errors import RecordError
from weighbridge.generation import Generation
from weighbridge.learn.quality import Interval, separation, wilson
from weighbridge.learn.report.labelled import ranked
from weighbridge.scoring import Weighed, weigh_body

CASES: Final = Path(__file__).parents[1] / "cases"
EASY: Final = 2
HARD: Final = 4


class GradedCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One graded prompt; see the README beside the files for each field."""

    id: str
    group: str
    language: str
    difficulty: int
    prompt: str = ""
    messages: list[dict[str, Any]] = []

    @property
    def hard(self) -> bool | None:
        """Whether it belongs to the hard tier; None for a toss-up."""
        return None if EASY < self.difficulty < HARD else self.difficulty >= HARD

    def body(self) -> bytes:
        """The request that asks it."""
        messages = self.messages or [{"role": "user", "content": self.prompt}]
        return msgspec.json.encode({"model": "auto", "messages": messages})


class Decided(msgspec.Struct, frozen=True):
    """One case as the router decided it."""

    case: GradedCase
    score: float
    large: bool
    reason: str

    @property
    def right(self) -> bool:
        """Whether the tier is the one that the grade asks for."""
        return self.large is self.case.hard


class Accuracy(msgspec.Struct, frozen=True):
    """How many cases of one group were decided right.

    Attributes:
        group: its name.
        cases: that are no toss-up.
        right: of those.
        share: right of all, with its Wilson interval.
        wrong: ids of the others.
    """

    group: str
    cases: int
    right: int
    share: Interval
    wrong: list[str]


class CaseReport(msgspec.Struct, frozen=True):
    """All graded cases.

    Attributes:
        total: all of them.
        groups: by group.
        languages: by language.
        difficulties: by difficulty.
        separation: how often a hard case scores above an easy one.
        length_separation: the same of the prompt's length.
    """

    total: Accuracy
    groups: list[Accuracy]
    languages: list[Accuracy]
    difficulties: list[Accuracy]
    separation: float
    length_separation: float


def read_cases(folder: Path) -> list[GradedCase]:
    """Read every ``*.jsonl`` in a folder, in the order of names.

    Raises:
        RecordError: if there is no case, naming the line that is none, or for an id seen before.
    """
    cases = [case for path in sorted(folder.glob("*.jsonl")) for case in _read(path)]
    if not cases:
        raise RecordError(f"{folder}: expected *.jsonl with graded cases, came none")
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise RecordError(f"{folder}: id {case.id!r} stands twice")
        seen.add(case.id)
    return cases


def decide(
    generation: Generation, cases: Iterable[GradedCase], told: Callable[[], object] = lambda: None
) -> list[Decided]:
    """Send every case through the router's own path."""
    decided = []
    for case in cases:
        decided.append(_decided(case, weigh_body(generation, case.body()), generation))
        told()
    return decided


def report(decided: Sequence[Decided]) -> CaseReport:
    """Count what was right."""
    graded = [one for one in decided if one.case.hard is not None]
    return CaseReport(
        total=_accuracy("all", graded),
        groups=_by(graded, lambda one: one.case.group),
        languages=_by(graded, lambda one: one.case.language),
        difficulties=_by(graded, lambda one: f"difficulty {one.case.difficulty}"),
        separation=_separation(graded, lambda one: one.score),
        length_separation=_separation(graded, lambda one: len(one.case.body())),
    )


def _decided(case: GradedCase, weighed: Weighed, generation: Generation) -> Decided:
    decision = weighed.decision
    large = decision.tier == generation.settings.policy.hard_tier
    return Decided(case, ranked(weighed, generation), large, decision.reason.value)


def _by(decided: Sequence[Decided], name: Callable[[Decided], str]) -> list[Accuracy]:
    names = sorted({name(one) for one in decided})
    return [_accuracy(group, [one for one in decided if name(one) == group]) for group in names]


def _accuracy(group: str, decided: Sequence[Decided]) -> Accuracy:
    right = sum(one.right for one in decided)
    wrong = [one.case.id for one in decided if not one.right]
    return Accuracy(group, len(decided), right, wilson(right, len(decided)), wrong)


def _separation(decided: Sequence[Decided], value: Callable[[Decided], float]) -> float:
    easy = [value(one) for one in decided if not one.case.hard]
    return separation(easy, [value(one) for one in decided if one.case.hard])


def _read(path: Path) -> Iterator[GradedCase]:
    decode = msgspec.json.Decoder(GradedCase).decode
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            case = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RecordError(f"{path}:{number}: {error}") from error
        if bool(case.prompt) == bool(case.messages):
            raise RecordError(f"{path}:{number}: expected one of 'prompt' and 'messages'")
        yield case

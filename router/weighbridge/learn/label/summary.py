"""What came of a run, for a person: labels, troubles and books in; a few lines out."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec
from rich.console import Console

from weighbridge.learn.label.books import Books
from weighbridge.learn.label.journal import Journal, Key
from weighbridge.learn.label.options import Role, Tokens
from weighbridge.learn.records import LabelLine

_REASONS_TOLD = 5
_LENGTH = "length"


class Outcome(msgspec.Struct, frozen=True):
    """What came of each prompt.

    Attributes:
        total: prompts of the file.
        labels: in the order of the file.
        aside: why there is no answer, by id.
        ungraded: why there is no score, by id.
        bought: answers bought in this run.
    """

    total: int
    labels: list[LabelLine]
    aside: dict[str, str]
    ungraded: dict[str, str]
    bought: int


def print_summary(
    console: Console, outcome: Outcome, books: Books, journal: Journal, out: Path
) -> None:
    """Print what was labelled, what was not and why, and what it took."""
    labels = outcome.labels
    written = f"in {out}" if labels else f"{out} not written"
    told = f"{len(labels):,} labels of {outcome.total:,} prompts, {written}"
    console.print(told, soft_wrap=True, highlight=False)
    if labels:
        console.print(_scores(labels), soft_wrap=True, highlight=False)
    for line in (*_cut(labels, journal), *_left(outcome), *_spent(outcome, books, journal)):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _scores(labels: Collection[LabelLine]) -> str:
    count = len(labels)
    small = sum(label.score_small for label in labels) / count
    large = sum(label.score_large for label in labels) / count
    better = sum(label.score_large > label.score_small for label in labels) / count
    worse = sum(label.score_large < label.score_small for label in labels) / count
    return (
        f"mean score: small {small:.3f}, large {large:.3f}; large is better on {better:.1%} of "
        f"the prompts, small on {worse:.1%}"
    )


def _cut(labels: Collection[LabelLine], journal: Journal) -> list[str]:
    lines = []
    for role in (Role.SMALL, Role.LARGE):
        entries = (journal.find(Key(label.id, role)) for label in labels)
        cut = sum(entry is not None and entry.finish == _LENGTH for entry in entries)
        if cut:
            lines.append(
                f"{cut:,} answers of {role} were cut at --max-tokens and graded as they are: many "
                "of these make a model look worse than it is"
            )
    return lines


def _left(outcome: Outcome) -> list[str]:
    return [
        *_reasons("without an answer, asked again by the next run", outcome.aside),
        *_reasons("without a score", outcome.ungraded),
    ]


def _reasons(title: str, left: Mapping[str, str]) -> list[str]:
    if not left:
        return []
    counts = Counter(left.values()).most_common(_REASONS_TOLD)
    first = {why: id_ for id_, why in reversed(list(left.items()))}
    return [
        f"{len(left):,} prompts {title}:",
        *(f"  {count:,} times: {why} (as id {first[why]!r})" for why, count in counts),
    ]


def _spent(outcome: Outcome, books: Books, journal: Journal) -> list[str]:
    used = ", ".join(
        f"{role} {tokens.input:,} in {tokens.output:,} out"
        for role in Role
        if (tokens := books.tokens(role)) != Tokens()
    )
    money = f", ${books.dollars:,.4f}" if books.priced else ""
    lines = [f"{outcome.bought:,} answers bought in this run; tokens of all runs: {used}{money}"]
    lost = sum(tokens.input + tokens.output for tokens in journal.lost.values())
    if lost:
        lines.append(
            f"of these up to {lost:,} tokens went to requests whose answer never came: they may "
            "have been charged"
        )
    return [*lines, f"all that was paid for stands in {journal.path}"]

"""An evaluation in, one HTML page out."""

from collections.abc import Iterator, Sequence
from typing import Final

from weighbridge.learn.quality import Interval
from weighbridge.learn.report import figures, panels, sections
from weighbridge.learn.report.page import (
    Cell,
    Markup,
    banner,
    bullets,
    escape,
    folded,
    heading,
    page,
    paragraph,
    section,
    table,
)

from weighbridge_training.attacks import AttackResult
from weighbridge_training.evaluation import OURS, Evaluation, SetReport
from weighbridge_training.graded import Accuracy, CaseReport

LEAST_TOTAL: Final = 0.92
"""Accuracy that the graded cases as a whole are to reach."""
LEAST_GROUP: Final = 0.85
"""Accuracy that each group of them is to reach."""

_READING: Final = """\
Prompts are sent to the large model in the order of a score, hardest first. APGR is the share of \
the gap between the two models that is recovered, averaged over all shares sent; .500 is random.
CPT50 and CPT80 are the shares that must go to large to recover half and four fifths of the gap.
Intervals are 95 %, from 2,000 resamples of the rows; leads are paired, so that what both scores \
have in common cancels out. A lead counts only if its whole interval lies above 0.
Nothing in these sets was used for training, for a threshold, or for choosing between models.\
"""


def render(evaluation: Evaluation) -> str:
    """The whole page as HTML."""
    lead = (
        f"classifier {evaluation.classifier} · artifact {evaluation.artifact} · Weighbridge "
        f"{evaluation.weighbridge} · threshold {evaluation.threshold:g}"
    )
    return page("Routing quality", *_parts(evaluation), lead=lead)


def _parts(evaluation: Evaluation) -> Iterator[Markup]:
    yield _contents()
    if evaluation.peer_fault:
        yield banner("No figures of LiteLLM", [evaluation.peer_fault], good=False)
    if evaluation.remarks:
        yield bullets(evaluation.remarks)
    yield section("How to read this", bullets(_READING.splitlines()), anchor="reading")
    yield section("Public sets", *_sets(evaluation), anchor="sets")
    yield section("Own cases", *_cases(evaluation.cases), anchor="cases")
    yield section("Attacks", *_attacks(evaluation.attacks), anchor="attacks")
    yield section("Task by task", *_tasks(evaluation), anchor="tasks")


def _contents() -> Markup:
    names = ("reading", "sets", "cases", "attacks", "tasks")
    links = "".join(f'<a href="#{name}">{escape(name)}</a>' for name in names)
    return Markup(f"<nav>{links}</nav>")


def _sets(evaluation: Evaluation) -> Iterator[Markup]:
    analyses = evaluation.analyses
    if analyses:
        yield figures.forest("forest", analyses)
        yield paragraph(
            "The grey band is the range that 95 % of random orders of these very rows reach.",
            muted=True,
        )
    for number, report in enumerate(evaluation.sets):
        yield heading(report.analysis.name)
        yield from sections.measured(report.analysis, f"set{number}")
        yield paragraph(_stages(report), muted=True)
    if not analyses:
        return
    yield heading("Where the scores lie")
    yield panels.histograms("histograms", analyses, evaluation.threshold)
    yield heading("What a threshold sends to large")
    yield paragraph(
        "A score is a percentile of the calibration traffic, so on traffic like it threshold t "
        "sends 1 - t to large. Each of these sets is of one kind, and no such traffic."
    )
    yield panels.calibration("calibration", analyses)
    yield heading("What the large model adds, by tenths of the score")
    yield panels.reliability("reliability", analyses)
    for analysis in analyses:
        yield folded(f"{analysis.name} as a table", sections.groups(analysis))
    yield heading("Time against quality")
    yield panels.latency("latency", analyses)


def _stages(report: SetReport) -> str:
    shares = ", ".join(
        f"{stage} answered {count / report.analysis.rows:.1%}"
        for stage, count in sorted(report.stages.items())
    )
    unscored = f"; {report.unscored} rows were decided without a score" if report.unscored else ""
    return f"Stages: {shares or 'none'}{unscored}."


def _cases(report: CaseReport) -> Iterator[Markup]:
    reached = report.total.share.value >= LEAST_TOTAL
    low = [group for group in report.groups if group.share.value < LEAST_GROUP]
    names = ", ".join(group.group for group in low)
    yield banner(
        f"{report.total.right} of {report.total.cases} right: {report.total.share.value:.1%}",
        [
            f"to reach: {LEAST_TOTAL:.0%} in all, and {LEAST_GROUP:.0%} in each group",
            f"groups below: {names}" if low else "no group below",
            f"a hard case scores above an easy one {report.separation:.1%} of the time",
            f"a hard case is longer than an easy one {report.length_separation:.1%} of the time",
        ],
        good=reached and not low,
    )
    shares = [(group.group, group.share) for group in report.groups]
    yield figures.rates(
        "groups",
        "Accuracy by group of own cases",
        [(OURS, shares)],
        "decided right, 95 % interval",
        aim=LEAST_GROUP,
    )
    yield _accuracies("group", report.groups)
    yield folded("By language", _accuracies("language", report.languages))
    yield folded("By difficulty", _accuracies("difficulty", report.difficulties))


def _accuracies(kind: str, groups: Sequence[Accuracy]) -> Markup:
    rows: list[list[Cell]] = [
        [group.group, group.cases, group.right, group.share, _ids(group.wrong)] for group in groups
    ]
    return table([kind, "cases", "right", "share", "wrong"], rows)


def _ids(ids: Sequence[str]) -> Cell:
    shown = 6
    more = f" and {len(ids) - shown} more" if len(ids) > shown else ""
    return Markup(f'<span class="words">{escape(", ".join(ids[:shown]) + more)}</span>')


def _attacks(results: Sequence[AttackResult]) -> Iterator[Markup]:
    yield paragraph(
        "Each attack leaves the task as hard as it was. The rate is the share of decisions that "
        "were right before it and are wrong under it; the shift is the mean change of the score."
    )
    yield figures.rates(
        "flips",
        "Share of decisions that each attack flips",
        [
            ("hard to small", [(result.name, result.to_small.rate) for result in results]),
            ("easy to large", [(result.name, result.to_large.rate) for result in results]),
        ],
        "flipped, 95 % interval",
    )
    rows: list[list[Cell]] = [
        [
            Markup(f"{escape(result.name)}<br><small>{escape(result.what)}</small>"),
            _rate(result.to_small.flipped, result.to_small.tried, result.to_small.rate),
            f"{result.to_small.shift:+.3f}",
            _rate(result.to_large.flipped, result.to_large.tried, result.to_large.rate),
            f"{result.to_large.shift:+.3f}",
        ]
        for result in results
    ]
    yield table(["attack", "hard to small", "shift", "easy to large", "shift"], rows)


def _rate(flipped: int, tried: int, rate: Interval) -> Cell:
    if not tried:
        return "none to try"
    ends = f"{rate.low:.1%} to {rate.high:.1%}"
    return Markup(f"{rate.value:.1%} <small>{flipped} of {tried}, {ends}</small>")


def _tasks(evaluation: Evaluation) -> Iterator[Markup]:
    for report in evaluation.sets:
        if report.analysis.tasks:
            yield folded(report.analysis.name, sections.tasks(report.analysis))

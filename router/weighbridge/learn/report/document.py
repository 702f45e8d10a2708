"""Rows in, the report of `learn report` out: the verdict, the numbers, and the page they fill."""

from collections.abc import Iterator, Sequence

import msgspec

from weighbridge import __version__
from weighbridge.learn.report import figures, panels, sections
from weighbridge.learn.report.analysis import Analysis, LearningPoint, Rows, analyse
from weighbridge.learn.report.page import Markup, banner, bullets, folded, page, paragraph, section
from weighbridge.learn.report.sections import Costs
from weighbridge.learn.report.verdict import Verdict, judge

READING = """\
The rows were not used for fitting. Prompts are sent to the large pool in the order of a score, \
hardest first; the curves show what quality each share of them buys.
APGR is the share of the gap between the two models that is recovered, averaged over all shares: \
.500 is a random order. CPT50 is the share that must go to large to recover half of the gap, CPT80 \
for four fifths of it; the smaller, the cheaper.
An interval says what other rows of the same kind might have shown. A lead counts only if its \
whole interval lies above 0.\
"""


class Report(msgspec.Struct, frozen=True):
    """What the page says, as JSON.

    Attributes:
        weighbridge: version of this package.
        verdict: ship or not.
        analysis: the numbers.
        threshold: of the settings in use.
        costs: of both pools, if they were told.
        learning_curve: as `learn fit` measured it; empty if it did not.
        remarks: what was left out, and why.
    """

    weighbridge: str
    verdict: Verdict
    analysis: Analysis
    threshold: float
    costs: Costs | None = None
    learning_curve: list[LearningPoint] = []
    remarks: list[str] = []


def make_report(
    rows: Rows,
    *,
    threshold: float = 0.5,
    costs: Costs | None = None,
    learning_curve: Sequence[LearningPoint] = (),
    remarks: Sequence[str] = (),
) -> Report:
    """Measure and judge; the first score of `rows` is the one to ship or not.

    Raises:
        ValueError: for scores that are no numbers, or columns of different lengths.
    """
    analysis = analyse(rows)
    return Report(
        weighbridge=__version__,
        verdict=judge(analysis),
        analysis=analysis,
        threshold=threshold,
        costs=costs,
        learning_curve=list(learning_curve),
        remarks=list(remarks),
    )


def render(report: Report) -> str:
    """The whole page as HTML."""
    analysis, verdict = report.analysis, report.verdict
    return page(
        f"{analysis.small} or {analysis.large}",
        banner(verdict.line, verdict.remarks, good=verdict.ship),
        bullets(report.remarks),
        *_parts(report),
        section("How to read this", bullets(READING.splitlines())),
        lead=f"{analysis.name} · Weighbridge {report.weighbridge}",
    )


def _parts(report: Report) -> Iterator[Markup]:
    analysis = report.analysis
    if analysis.fault:
        yield paragraph(sections.summary(analysis))
        return
    yield section(
        "Does it rank the prompts?",
        *sections.measured(analysis, "all"),
        figures.forest("forest", [analysis]),
    )
    if report.learning_curve:
        learnt = figures.learning_curve("learning", report.learning_curve)
        yield section("What more labels would buy", learnt)
    yield section(
        "What a threshold does",
        panels.calibration("calibration", [analysis]),
        panels.histograms("histogram", [analysis], report.threshold),
        sections.thresholds(analysis, report.costs),
    )
    yield section(
        "Where the large model was needed",
        panels.reliability("reliability", [analysis]),
        folded("The same as a table", sections.groups(analysis)),
    )
    if analysis.tasks:
        yield section("Task by task", sections.tasks(analysis))

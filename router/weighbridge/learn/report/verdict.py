"""An analysis in, "ship" or "do not ship" out, with the reasons in words. Pure."""

import math
from typing import Final

import msgspec

from weighbridge.learn.quality import Interval
from weighbridge.learn.report.analysis import Analysis

LENGTH: Final = "length"
IN_USE: Final = "artifact in use"


class Verdict(msgspec.Struct, frozen=True):
    """Whether to serve the subject.

    Attributes:
        ship: the answer.
        line: the answer in one line.
        remarks: what else a person should know before acting on it.
    """

    ship: bool
    line: str
    remarks: list[str] = []


def judge(analysis: Analysis) -> Verdict:
    """Ship what is shown to be better than length and not shown to be worse than what serves."""
    if analysis.fault:
        return Verdict(False, "do not ship: nothing could be measured", [analysis.fault])
    reasons = [*_against_length(analysis), *_against_in_use(analysis)]
    if reasons:
        return Verdict(False, f"do not ship: {' and '.join(reasons)}", _remarks(analysis))
    return Verdict(True, "ship", _remarks(analysis))


def _against_length(analysis: Analysis) -> list[str]:
    lead = _lead(analysis, LENGTH)
    # A NaN interval is above nothing: few rows are no licence.
    return [] if lead is not None and lead.low > 0 else ["not shown to be better than length"]


def _against_in_use(analysis: Analysis) -> list[str]:
    lead = _lead(analysis, IN_USE)
    return ["worse than the artifact in use"] if lead is not None and lead.high < 0 else []


def _lead(analysis: Analysis, name: str) -> Interval | None:
    score = analysis.named(name)
    return score.lead if score else None


def _remarks(analysis: Analysis) -> list[str]:
    remarks = [
        f"{analysis.subject.name} against {score.name}: {lead_in_words(score.lead)}"
        for score in analysis.scores
        if score.lead is not None
    ]
    in_use = _lead(analysis, IN_USE)
    if in_use is not None and not (in_use.low > 0 or in_use.high < 0):
        remarks.append("not shown to be better than the artifact in use; more labels would tell")
    return remarks


def lead_in_words(lead: Interval) -> str:
    """Such as "+0.031 APGR, 95 % interval +0.004 to +0.058"."""
    lead = lead.rounded()
    if math.isnan(lead.low):
        return f"{lead.value:+.3f} APGR, too few rows for an interval"
    return f"{lead.value:+.3f} APGR, 95 % interval {lead.low:+.3f} to {lead.high:+.3f}"

"""An AnalysisRun in, its gates as a person reads them out: last value, limit, verdict, counts.

The limit stands nowhere by itself: it is read out of the gate's condition, after the run's
arguments were put into it. A condition that compares nothing with the result is shown as it is.
"""

import re
from dataclasses import dataclass

from weighbridge.canary.argo_analysis import AnalysisRun, Measurement, Metric, MetricResult

_PLACEHOLDER = re.compile(r"\{\{\s*args\.([\w-]+)\s*\}\}")
# `len(result) > 0` compares no measured value, so a bracket may follow `result` only after a cast.
_COMPARISON = re.compile(
    r"(?:as\w+\(\s*result(?:\[\d+\])?\s*\)|\bresult(?:\[\d+\])?)\s*(<=|>=|==|!=|<|>)\s*([^&|]+)"
)
_OPPOSITE = {"<=": ">", ">": "<=", ">=": "<", "<": ">=", "==": "!=", "!=": "=="}
_PENDING = "Pending"
NO_DATA = "no data"


@dataclass(frozen=True)
class Gate:
    """One metric of an analysis.

    Attributes:
        phase: of the gate as a whole, in Argo's words.
        value: last measured; "no data" where Prometheus had none; empty before the first look.
        verdict: phase of that last measurement.
        limit: what the value must hold to, as in "<= 0.5"; empty where there is none.
        message: what went wrong, if something did.
        measured_at: when, ISO 8601; empty before.
    """

    name: str
    phase: str
    value: str
    verdict: str
    limit: str
    successful: int
    failed: int
    inconclusive: int
    errors: int
    dry_run: bool
    message: str
    measured_at: str


@dataclass(frozen=True)
class Analysis:
    """An AnalysisRun.

    Attributes:
        name: of the AnalysisRun.
        kind: "background", "step 4" (counted from one) or "experiment".
    """

    name: str
    kind: str
    phase: str
    message: str
    gates: tuple[Gate, ...]


def read_analysis(run: AnalysisRun) -> Analysis:
    """Return a run's gates in the order in which they are written."""
    results = {each.name: each for each in run.status.metric_results}
    arguments = {each.name: each.value for each in run.spec.args if each.value is not None}
    return Analysis(
        name=run.metadata.name,
        kind=_kind(run),
        phase=run.status.phase or _PENDING,
        message=run.status.message,
        gates=tuple(_gate(each, results.get(each.name), arguments) for each in run.spec.metrics),
    )


def limit_of(metric: Metric, arguments: dict[str, str]) -> str:
    """What a gate's value must hold to, out of its conditions; empty where it has none."""
    success = _filled(metric.success_condition, arguments)
    if success:
        return _joined(_COMPARISON.findall(success)) or success
    failure = _filled(metric.failure_condition, arguments)
    if not failure:
        return ""
    found = [(_OPPOSITE[operator], operand) for operator, operand in _COMPARISON.findall(failure)]
    return _joined(found) or f"not ({failure})"


def _kind(run: AnalysisRun) -> str:
    labels = run.metadata.labels
    if labels.get("rollout-type") == "Step":
        return f"step {int(labels.get('step-index', 0)) + 1}"
    return labels.get("rollout-type", "experiment").lower()


def _gate(metric: Metric, result: MetricResult | None, arguments: dict[str, str]) -> Gate:
    seen = result or MetricResult(phase=_PENDING)
    last = seen.measurements[-1] if seen.measurements else Measurement()
    return Gate(
        name=metric.name,
        phase=seen.phase or _PENDING,
        value=_value(last),
        verdict=last.phase,
        limit=limit_of(metric, arguments),
        successful=seen.successful,
        failed=seen.failed,
        inconclusive=seen.inconclusive,
        errors=seen.error,
        dry_run=seen.dry_run,
        message=last.message or seen.message,
        measured_at=last.finished_at,
    )


def _value(measurement: Measurement) -> str:
    raw = measurement.value.strip()
    if raw == "[]":
        return NO_DATA
    return ", ".join(map(_rounded, raw.strip("[]").split(","))) if raw else ""


def _rounded(number: str) -> str:
    try:
        value = float(number)
    except ValueError:
        return number.strip()
    return f"{NO_DATA} (NaN)" if value != value else f"{value:.4g}"  # noqa: PLR0124


def _filled(condition: str, arguments: dict[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda hit: arguments.get(hit[1], hit[0]), condition).strip()


def _joined(comparisons: list[tuple[str, str]]) -> str:
    return " and ".join(f"{operator} {_operand(operand)}" for operator, operand in comparisons)


def _operand(text: str) -> str:
    """Without the brackets that were opened before it."""
    text = text.strip()
    while text.count(")") > text.count("("):
        text = text[: text.rindex(")")].strip()
    return text

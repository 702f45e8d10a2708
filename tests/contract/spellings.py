"""Text in, misspelled names of the contract out: headers, metrics, label values and reasons.

What is known comes from `contract`, from the instruments themselves and from the failure tree; a
name that looks like one of the project's and is none of these is a fault.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric as Family
from weighbridge import contract, errors
from weighbridge.catalog import TIER_MODELS
from weighbridge.contract import (
    Basis,
    CaptureResult,
    End,
    MeterMetric,
    Metric,
    Outcome,
    Reason,
    ReloadResult,
    SpanResult,
    Stage,
    TokenKind,
    Unmetered,
)
from weighbridge.drift import LEAST
from weighbridge.metering.ledger import Bounds, Ledger
from weighbridge.metering.prices import load_prices
from weighbridge.metering.receipt import Counts, Receipt, Seen
from weighbridge.metrics import Metrics

REPOSITORY = Path(__file__).parents[2]

HEADERS = {*contract.DECISION_HEADERS, contract.HEADER_PREFER, contract.HEADER_CANARY}
_HEADER = re.compile(r"(?<![\w-])x-weigh[a-z]*-[a-z0-9-]*", re.IGNORECASE)

_SELECTED = r"(?P<name>[a-z_:]*weighbridge_[a-z0-9_]+(?::[a-z0-9_:]+)?)"
_NAME = re.compile(r"(?<![\w:./-])" + _SELECTED + r"(?![\w-])(?P<selector>\s*[\[{])?")
_SELECTOR = re.compile(_SELECTED + r"\s*\{(?P<labels>(?:\{\{.*?\}\}|[^{}])*)\}")
_LABEL = re.compile(r"""(\w+)\s*(=~|!~|!=|=)\s*\\?["']([^"'\\]*)""")
# What Envoy is to put before names of its own.
_STAT_PREFIX = re.compile(r"stat_prefix: \S+")
_PLAIN = re.compile(r"[a-z]+(?:-[a-z]+)*")

_REASON_BESIDE = re.compile(
    contract.HEADER_REASON
    + r"""["']?\]?[ \t]*(?:===?|!==?|:|=|,)[ \t]*"""
    + r"""(?:\{[ \t]*exact:[ \t]*)?["']?([a-z]+(?:-[a-z]+)*)"""
)
_REASON_BELOW = re.compile(
    contract.HEADER_REASON
    + r"""["']?:?[ \t]*\n(?:\s*(?:string_match|stringMatch):[ \t]*\n)?"""
    + r"""\s*(?:value|exact|raw_value):[ \t]*["']?([a-z]+(?:-[a-z]+)*)"""
)


def _exposed() -> tuple[set[str], set[str]]:
    """Names of the series that the router exposes, and of the metrics they belong to."""
    metrics = Metrics()
    metrics.record_generation(1, "s", "a", "c")
    for _ in range(LEAST):  # before them no drift is shown
        metrics.record_decision(("tier", Reason.SCORE, Outcome.WEIGHED), 0.5, 0.1, 1)
    metrics.record_failure("internal")
    families = [*metrics.registry.collect(), *_metered()]
    return {s.name for family in families for s in family.samples}, {f.name for f in families}


def _metered() -> list[Family]:
    """What the meter exposes, once it has counted requests of every kind."""
    ledger = Ledger(load_prices(TIER_MODELS, "large", None), Bounds(users=1))
    counts = Counts(prompt_tokens=1, completion_tokens=1)
    told = Receipt("small", "/v1/chat/completions", 200, seen=Seen(1, counts, counts))
    for receipt in (told, told._replace(tier="unpriced"), told._replace(seen=Seen(9), flags="DC")):
        ledger.add(receipt)
    ledger.add_unreadable()
    return list(ledger.registry.collect())


def _packages() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return set(project["tool"]["mypy"]["packages"])


def _kinds(failure: type[errors.WeighbridgeError]) -> Iterator[str]:
    yield failure.label
    for child in failure.__subclasses__():
        yield from _kinds(child)


SERIES, METRICS = _exposed()
PACKAGES = _packages()
LABEL_VALUES = {
    "reason": {*Reason, *Unmetered},
    "outcome": set(Outcome),
    "stage": set(Stage),
    "result": {*ReloadResult, *CaptureResult, *SpanResult},
    "kind": {*_kinds(errors.WeighbridgeError), *TokenKind},
    "basis": set(Basis),
    "end": set(End),
}
assert {*Metric, *MeterMetric} == METRICS


def faults(text: str) -> list[str]:
    """What in a text is spelled like the contract's and is not; one message each."""
    return [*_headers(text), *_metrics(text), *_labels(text), *_reasons(text)]


def _headers(text: str) -> Iterator[str]:
    for match in _HEADER.finditer(text):
        name = match.group().lower()
        pattern = name == "x-weighbridge-"  # as in `x-weighbridge-*`
        if name not in HEADERS and not pattern:
            yield f"header {name}"


def _metrics(text: str) -> Iterator[str]:
    for match in _NAME.finditer(_STAT_PREFIX.sub("", text)):
        name = match["name"]
        # Labels of Kubernetes, as Prometheus discovers them, and Envoy's counters of our filter,
        # which test_rule_names.py holds against a scrape.
        if name.startswith(("__meta_", "envoy_http_ext_proc_", "envoy_access_logs_")):
            continue
        if ":" in name:  # a recording rule: level:metric:operation
            yield from (
                f"metric {part} in {name}"
                for part in name.split(":")
                if part.startswith("weighbridge_") and part not in SERIES | METRICS
            )
        elif match["selector"] and name not in SERIES | PACKAGES:
            yield f"series {name}"
        elif name not in SERIES | METRICS | PACKAGES:
            yield f"metric {name}"


def _labels(text: str) -> Iterator[str]:
    for selector in _SELECTOR.finditer(text):
        for label, operator, value in _LABEL.findall(selector["labels"]):
            known = LABEL_VALUES.get(label)
            if known is not None and not _matches(operator, value, known):
                yield f"label {label}={value}"


def _matches(operator: str, value: str, known: set[str]) -> bool:
    if "$" in value or "{{" in value:
        return True
    if operator in {"=", "!="}:
        return value in known
    alternatives = value.strip("()").split("|")
    return all(
        one in known if _PLAIN.fullmatch(one) else any(re.fullmatch(one, k) for k in known)
        for one in alternatives
    )


def _reasons(text: str) -> Iterator[str]:
    for pattern in (_REASON_BESIDE, _REASON_BELOW):
        for reason in pattern.findall(text):
            if reason not in set(Reason):
                yield f"reason {reason}"

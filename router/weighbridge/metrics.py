"""Instruments, declared once; their labels come from enums, so that cardinality is bounded.

The distributions of the hot path are plain lists that only the event loop writes, turned into
Prometheus histograms when scraped: a fifth of what the client library's lock and its walk over the
buckets cost, five times a request (`weighbridge bench-parts`).
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from weighbridge import __version__
from weighbridge.contract import (
    CaptureResult,
    Metric,
    Outcome,
    Reason,
    ReloadResult,
    SpanResult,
    Stage,
)
from weighbridge.drift import EVEN, ScoreDrift

# A second series for each counter that no rule reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

_IN_PATH_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1),
)
_SCORES = tuple(tenth / 10 for tenth in range(1, 11))
_BODY_BYTES = tuple(float(4**power) for power in range(4, 13))


class Distribution:
    """Counts of observations by bucket. One thread observes; any thread may read.

    Args:
        bounds: upper bounds of the buckets, rising; one without bound is added.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def cumulative(self) -> tuple[list[tuple[str, float]], float]:
        """Cumulative counts by upper bound as Prometheus wants them, and the sum of all values."""
        total = 0
        buckets = []
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append((floatToGoString(bound), float(total)))  # type: ignore[no-untyped-call]
        return buckets, self._sum


class _Distributions(Collector):
    """Shows distributions of one metric, one for each value of `label`, as a histogram."""

    def __init__(self, name: str, text: str, label: str, parts: dict[str, Distribution]) -> None:
        self._name = name
        self._text = text
        self._labels = [label] if label else []
        self._parts = parts

    def collect(self) -> Iterable[Family]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for value, part in self._parts.items():
            buckets, total = part.cumulative()
            family.add_metric([value] if self._labels else [], buckets, total)
        yield family


class _GaugeOrNothing(Collector):
    """Shows a number only while it is known: a NaN would spoil every average over pods."""

    def __init__(self, name: str, text: str, read: Callable[[], float | None]) -> None:
        self._name = name
        self._text = text
        self._read = read

    def collect(self) -> Iterable[Family]:
        yield GaugeMetricFamily(self._name, self._text, value=self._read())


class Metrics:
    """The router's instruments in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._decisions = Counter(
            Metric.DECISIONS,
            "Requests decided, by tier, reason and outcome",
            ("tier", "reason", "outcome"),
            registry=self.registry,
        )
        self._decision_seconds = self._distribution(
            Metric.DECISION_SECONDS,
            "Seconds from the last byte of a request read to its answer made",
            _IN_PATH_SECONDS,
        )
        self._score = self._distribution(Metric.SCORE, "Scores of weighed prompts", _SCORES)
        self._artifact = ""
        self._drift = ScoreDrift()
        self.registry.register(
            _GaugeOrNothing(
                Metric.SCORE_DRIFT_PSI,
                "Population stability index of the last scores against the calibration traffic",
                self._score_drift,
            )
        )
        self._body_bytes = self._distribution(
            Metric.BODY_BYTES, "Bytes of request bodies as received", _BODY_BYTES
        )
        self._stages = {stage: Distribution(_IN_PATH_SECONDS) for stage in Stage}
        self.registry.register(
            _Distributions(
                Metric.STAGE_SECONDS,
                "Seconds of one part of a decision",
                "stage",
                {stage.value: part for stage, part in self._stages.items()},
            )
        )
        self.streams = Gauge(
            Metric.STREAMS, "ext_proc streams open at this moment", registry=self.registry
        )
        self._failures = Counter(
            Metric.FAILURES, "Failures by class", ("kind",), registry=self.registry
        )
        self._reloads = Counter(
            Metric.RELOADS,
            "Changes of settings or artifact, by what became of them",
            ("result",),
            registry=self.registry,
        )
        captured = Counter(
            Metric.CAPTURE,
            "Prompts drawn for capture, by what became of them",
            ("result",),
            registry=self.registry,
        )
        self._captured = {result: captured.labels(result.value) for result in CaptureResult}
        spans = Counter(
            Metric.SPANS,
            "Spans recorded, by what became of them",
            ("result",),
            registry=self.registry,
        )
        self._spans = {result: spans.labels(result.value) for result in SpanResult}
        self._generation = Gauge(
            Metric.GENERATION, "Number of the generation in service", registry=self.registry
        )
        self._generation_info = Gauge(
            Metric.GENERATION_INFO,
            "1 for the settings and artifact in service, by their digests",
            ("settings", "artifact", "classifier"),
            registry=self.registry,
        )
        self.ready = Gauge(Metric.READY, "1 while gRPC health says SERVING", registry=self.registry)
        Gauge(Metric.BUILD_INFO, "1, by version", ("version",), registry=self.registry).labels(
            __version__
        ).set(1)
        self._decision_children: dict[tuple[str, Reason, Outcome], Counter] = {}
        for result in ReloadResult:
            self._reloads.labels(result.value)

    def _distribution(self, name: Metric, text: str, bounds: Sequence[float]) -> Distribution:
        distribution = Distribution(bounds)
        self.registry.register(_Distributions(name, text, "", {"": distribution}))
        return distribution

    def _score_drift(self) -> float | None:
        return self._drift.index()

    def record_decision(
        self,
        key: tuple[str, Reason, Outcome],
        score: float | None,
        seconds: float,
        body_bytes: int,
    ) -> None:
        """Count one decision.

        Args:
            key: tier, reason and outcome.
            score: 0..1, None where nothing was weighed.
            seconds: from the last byte read to the answer made.
            body_bytes: size of the body as received.
        """
        child = self._decision_children.get(key)
        if child is None:
            tier, reason, outcome = key
            child = self._decisions.labels(tier, reason.value, outcome.value)
            self._decision_children[key] = child
        child.inc()
        self._decision_seconds.observe(seconds)
        self._body_bytes.observe(body_bytes)
        if score is not None:
            self._score.observe(score)
            self._drift.observe(score)

    def record_stage(self, stage: Stage, seconds: float) -> None:
        """Record the time of one part of a decision."""
        self._stages[stage].observe(seconds)

    def record_failure(self, kind: str) -> None:
        """Count a failure by the label of its class."""
        self._failures.labels(kind).inc()

    def record_generation(
        self,
        number: int,
        settings: str,
        artifact: str,
        classifier: str,
        expected_scores: Sequence[float] | None = EVEN,
    ) -> None:
        """Say which generation serves from now on.

        Args:
            number: of the generation.
            settings: its digest.
            artifact: its digest. Another one begins a new window of scores: those of two artifacts
                are not of one distribution.
            classifier: its name.
            expected_scores: share of each bin of `drift` in the calibration traffic; None for an
                artifact without calibration, whose drift is not shown.
        """
        self._generation.set(number)
        self._generation_info.clear()
        self._generation_info.labels(settings, artifact, classifier).set(1)
        if artifact != self._artifact:
            self._artifact = artifact
            self._drift = ScoreDrift(expected_scores)

    def record_reload(self, result: ReloadResult) -> None:
        """Count a reload, taken or refused."""
        self._reloads.labels(result.value).inc()

    def record_capture(self, result: CaptureResult) -> None:
        """Count a prompt that was drawn for capture; any thread may call it."""
        self._captured[result].inc()

    def record_spans(self, result: SpanResult, number: int) -> None:
        """Count spans that were recorded; any thread may call it."""
        self._spans[result].inc(number)

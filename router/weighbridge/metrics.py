"""Instruments, declared once; their labels come from enums, so that cardinality is bounded.

Label values are looked up once and kept: `labels()` costs more than the increment it leads to.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from weighbridge import __version__
from weighbridge.contract import Metric, Outcome, Reason, ReloadResult, Stage

_IN_PATH_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1),
)
_SCORE_BUCKETS = tuple(tenth / 10 for tenth in range(1, 11))
_BYTE_BUCKETS = tuple(float(4**power) for power in range(4, 13))


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
        self._decision_seconds = Histogram(
            Metric.DECISION_SECONDS,
            "Seconds from the last byte of a request read to its answer made",
            buckets=_IN_PATH_SECONDS,
            registry=self.registry,
        )
        stage_seconds = Histogram(
            Metric.STAGE_SECONDS,
            "Seconds of one part of a decision",
            ("stage",),
            buckets=_IN_PATH_SECONDS,
            registry=self.registry,
        )
        self._score = Histogram(
            Metric.SCORE,
            "Scores of weighed prompts",
            buckets=_SCORE_BUCKETS,
            registry=self.registry,
        )
        self._body_bytes = Histogram(
            Metric.BODY_BYTES,
            "Bytes of request bodies as received",
            buckets=_BYTE_BUCKETS,
            registry=self.registry,
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
        self._stages = {stage: stage_seconds.labels(stage.value) for stage in Stage}
        self._decision_children: dict[tuple[str, Reason, Outcome], Counter] = {}
        for result in ReloadResult:
            self._reloads.labels(result.value)

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

    def record_stage(self, stage: Stage, seconds: float) -> None:
        """Record the time of one part of a decision."""
        self._stages[stage].observe(seconds)

    def record_failure(self, kind: str) -> None:
        """Count a failure by the label of its class."""
        self._failures.labels(kind).inc()

    def record_generation(self, number: int, settings: str, artifact: str, classifier: str) -> None:
        """Say which generation serves from now on."""
        self._generation.set(number)
        self._generation_info.clear()
        self._generation_info.labels(settings, artifact, classifier).set(1)

    def record_reload(self, result: ReloadResult) -> None:
        """Count a reload, taken or refused."""
        self._reloads.labels(result.value).inc()

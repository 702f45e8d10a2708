"""AnalysisRuns and Experiments: the fields of Argo Rollouts' v1alpha1 that the status needs."""

from weighbridge.canary.shape import Resource, Struct


class Metric(Struct, frozen=True):
    """A gate as it is written."""

    name: str = ""
    success_condition: str = ""
    failure_condition: str = ""


class Argument(Struct, frozen=True):
    """A value for the placeholders; None: it comes from a Secret."""

    name: str = ""
    value: str | None = None


class AnalysisRunSpec(Struct, frozen=True):
    """Gates and their arguments."""

    metrics: tuple[Metric, ...] = ()
    args: tuple[Argument, ...] = ()


class Measurement(Struct, frozen=True):
    """One look at a metric."""

    phase: str = ""
    message: str = ""
    value: str = ""
    finished_at: str = ""


class MetricResult(Struct, frozen=True):
    """All looks at a metric."""

    name: str = ""
    phase: str = ""
    message: str = ""
    measurements: tuple[Measurement, ...] = ()
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    dry_run: bool = False


class AnalysisRunStatus(Struct, frozen=True):
    """How an analysis stands."""

    phase: str = ""
    message: str = ""
    metric_results: tuple[MetricResult, ...] = ()


class AnalysisRun(Resource, frozen=True):
    """Gates while they are being measured."""

    spec: AnalysisRunSpec = AnalysisRunSpec()
    status: AnalysisRunStatus = AnalysisRunStatus()


class TemplateStatus(Struct, frozen=True):
    """One side of an experiment."""

    name: str = ""
    status: str = ""
    replicas: int = 0
    ready_replicas: int = 0


class ExperimentStatus(Struct, frozen=True):
    """How an experiment stands."""

    phase: str = ""
    message: str = ""
    template_statuses: tuple[TemplateStatus, ...] = ()


class Experiment(Resource, frozen=True):
    """Two or more versions beside each other for a while."""

    status: ExperimentStatus = ExperimentStatus()

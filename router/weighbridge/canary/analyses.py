"""A Rollout and its runs in, the analyses worth showing out: the newest of each kind."""

from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.canary.argo_analysis import AnalysisRun
from weighbridge.canary.argo_rollout import Rollout
from weighbridge.canary.gates import Analysis, read_analysis
from weighbridge.canary.kubectl import Snapshot
from weighbridge.canary.shape import HASH_LABEL


@dataclass(frozen=True)
class ExperimentState:
    """An experiment that runs, or the last one that failed."""

    name: str
    phase: str
    message: str
    sides: tuple[str, ...]


def analyses_of(rollout: Rollout, snapshot: Snapshot) -> Iterable[Analysis]:
    """Return the newest run of each kind for the wanted revision, background first."""
    newest: dict[str, AnalysisRun] = {}
    for run in sorted(snapshot.runs, key=lambda each: each.metadata.creation_timestamp):
        of_revision = run.metadata.labels.get(HASH_LABEL) == rollout.status.current_pod_hash
        if run.belongs_to(rollout) and of_revision:
            newest[run.metadata.labels.get("rollout-type", "")] = run
        elif _of_experiment(run, rollout, snapshot):
            newest[f"experiment {run.metadata.name}"] = run
    return (read_analysis(newest[kind]) for kind in sorted(newest))


def _of_experiment(run: AnalysisRun, rollout: Rollout, snapshot: Snapshot) -> bool:
    shown = experiment_of(rollout, snapshot)
    owners = (each for each in snapshot.experiments if shown and each.metadata.name == shown.name)
    return any(run.belongs_to(each) for each in owners)


def experiment_of(rollout: Rollout, snapshot: Snapshot) -> ExperimentState | None:
    """Return the one that runs; else the newest of the wanted revision, if it did not succeed."""
    status = rollout.status
    ours = sorted(
        (
            each
            for each in snapshot.experiments
            if each.belongs_to(rollout)
            and each.metadata.labels.get(HASH_LABEL) == status.current_pod_hash
        ),
        key=lambda each: each.metadata.creation_timestamp,
    )
    running = [each for each in ours if each.metadata.name == status.canary.current_experiment]
    failed = [each for each in ours[-1:] if each.status.phase not in {"Successful", ""}]
    return next(
        (
            ExperimentState(
                each.metadata.name,
                each.status.phase,
                each.status.message,
                tuple(
                    f"{side.name}: {side.status}, {side.ready_replicas} of {side.replicas} ready"
                    for side in each.status.template_statuses
                ),
            )
            for each in (*running, *failed)
        ),
        None,
    )

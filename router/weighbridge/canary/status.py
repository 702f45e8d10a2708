"""A snapshot of a namespace in, the state of each pool's canary out; pure."""

from dataclasses import dataclass
from datetime import datetime

from weighbridge.canary.analyses import ExperimentState, analyses_of, experiment_of
from weighbridge.canary.argo_rollout import Rollout
from weighbridge.canary.gates import Analysis
from weighbridge.canary.kubectl import Snapshot
from weighbridge.canary.revisions import Revision, revisions_of
from weighbridge.canary.shape import TIER_LABEL, WORKLOAD_GENERATION
from weighbridge.canary.splits import Split, routing_of, splits_of
from weighbridge.canary.steps import Position, is_promoted, position, seconds, steps_of

PAUSED_BY_HAND = "by hand"
"""Reason of a pause that someone asked for; Argo has no word for it."""
_ABORTED = "RolloutAborted"
_BY_HAND = "by hand: no gate asked for it"


@dataclass(frozen=True)
class PauseState:
    """Why it waits; `left_s` None: until someone decides."""

    reason: str
    since: str
    left_s: int | None


@dataclass(frozen=True)
class CanaryState:
    """All that one screen shows of a pool.

    Attributes:
        phase: in Argo's words; Progressing also while the controller has not seen the last change.
        aborted: why, empty unless it was.
        promoted: no canary runs; what is wanted is what serves.
        template: of whom the pod template is, as in "Deployment gemma-small".
        splits: one per route of the mesh; empty where VirtualServices can't be read.
        managed_routes: those of the header and the mirror that are open now.
        analyses: newest of each kind for the wanted revision.
    """

    pool: str
    namespace: str
    tier: str
    phase: str
    message: str
    aborted: str
    promoted: bool
    template: str
    revisions: tuple[Revision, ...]
    position: Position
    pause: PauseState | None
    splits: tuple[Split, ...]
    managed_routes: tuple[str, ...]
    replicas: int
    ready: int
    pods: int
    analyses: tuple[Analysis, ...]
    experiment: ExperimentState | None


def states(snapshot: Snapshot, now: datetime) -> tuple[CanaryState, ...]:
    """Return the state of each pool of a snapshot, in its order."""
    return tuple(_state(each, snapshot, now) for each in snapshot.rollouts)


def _state(rollout: Rollout, snapshot: Snapshot, now: datetime) -> CanaryState:
    phase, message = _phase(rollout)
    reference = rollout.spec.workload_ref
    splits, managed = splits_of(rollout, snapshot)
    return CanaryState(
        pool=rollout.metadata.name,
        namespace=rollout.metadata.namespace,
        tier=_tier(rollout),
        phase=phase,
        message=message,
        aborted=_aborted(rollout),
        promoted=is_promoted(rollout),
        template=f"{reference.kind} {reference.name}" if reference else "the Rollout's own",
        revisions=tuple(revisions_of(rollout, snapshot)),
        position=position(rollout),
        pause=_pause(rollout, now),
        splits=splits,
        managed_routes=managed,
        replicas=rollout.spec.replicas,
        ready=rollout.status.ready_replicas,
        pods=rollout.status.replicas,
        analyses=tuple(analyses_of(rollout, snapshot)),
        experiment=experiment_of(rollout, snapshot),
    )


def _phase(rollout: Rollout) -> tuple[str, str]:
    """The controller's word, unless it is about an older version of the Rollout or its template."""
    status, metadata = rollout.status, rollout.metadata
    if rollout.spec.strategy.canary is None:
        return status.phase or "Unknown", "not a canary: this Rollout has another strategy"
    if (
        status.observed_generation.isdigit()
        and int(status.observed_generation) < metadata.generation
    ):
        return "Progressing", "the controller has not seen the last change of the Rollout"
    wanted = metadata.annotations.get(WORKLOAD_GENERATION, "")
    if wanted and status.workload_observed_generation not in {"", wanted}:
        return "Progressing", "the controller has not seen the last change of the Deployment"
    if not status.phase:
        return "Unknown", "no controller has looked at it: does Argo Rollouts run?"
    if status.controller_pause and not status.pause_conditions:
        return "Progressing", "about to go on"
    return status.phase, status.message


def _tier(rollout: Rollout) -> str:
    """By its label, else by the name of its route."""
    labelled = rollout.metadata.labels.get(TIER_LABEL, "")
    routes = (name for ref in routing_of(rollout).istio.all for name in ref.routes)
    named = (each.removeprefix("tier-") for each in routes if each.startswith("tier-"))
    return labelled or next(named, "")


def _aborted(rollout: Rollout) -> str:
    if not rollout.status.abort:
        return ""
    told = (c.message for c in rollout.status.conditions if c.reason == _ABORTED)
    _, _, reason = next(told, "").partition(": ")
    return reason or _BY_HAND


def _pause(rollout: Rollout, now: datetime) -> PauseState | None:
    if rollout.spec.paused:
        return PauseState(PAUSED_BY_HAND, "", None)
    conditions = rollout.status.pause_conditions
    if not conditions:
        return None
    steps, index = steps_of(rollout), rollout.status.current_step_index or 0
    waiting = steps[index].pause if index < len(steps) else None
    lasts = seconds(waiting.duration) if waiting else None
    since = conditions[0].start_time
    if conditions[0].reason != "CanaryPauseStep" or lasts is None or not since:
        return PauseState(conditions[0].reason, since, None)
    passed = (now - datetime.fromisoformat(since)).total_seconds()
    return PauseState(conditions[0].reason, since, max(0, round(lasts - passed)))

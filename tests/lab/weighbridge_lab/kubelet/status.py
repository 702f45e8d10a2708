"""A pod's status: what the API server is told, made of what the pod's containers are.

Pure: a snapshot and the manifest in, a dict for the API out. Times are whole seconds, as
everywhere in the API.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lightkube.models.core_v1 import Container

from weighbridge_lab.kubelet.manifest import Manifest, is_sidecar
from weighbridge_lab.kubelet.states import Running, State, Terminated, Waiting

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a pod is at a moment.

    Attributes:
        address: None: it has no sandbox yet.
        node_address: where it runs.
        since: when the kubelet took it.
        states: of its containers that were begun, by name.
        message: why no container is begun yet.
        over: nothing of it will run again.
    """

    address: str | None
    node_address: str
    since: datetime
    states: Mapping[str, State] = field(default_factory=dict)
    message: str = ""
    over: bool = False


def build(manifest: Manifest, snapshot: Snapshot, now: datetime, before: Json) -> Json:
    """Give the status to be stored.

    Args:
        manifest: of the pod.
        snapshot: what it is.
        now: for conditions that change.
        before: the status that was stored last; see `stored`.
    """
    phase = phase_of(manifest, snapshot)
    status: Json = {
        "phase": phase,
        "hostIP": snapshot.node_address,
        "hostIPs": [{"ip": snapshot.node_address}],
        "startTime": _time(snapshot.since),
        "conditions": _conditions(manifest, snapshot, phase, _Clock(now, before)),
        "containerStatuses": _statuses(manifest, manifest.mains, snapshot),
    }
    if snapshot.address:
        status |= {"podIP": snapshot.address, "podIPs": [{"ip": snapshot.address}]}
    if manifest.inits:
        status["initContainerStatuses"] = _statuses(manifest, manifest.inits, snapshot)
    return status


def stored(manifest: Manifest) -> Json:
    """Give what an earlier kubelet has stored, as far as `build` needs it."""
    conditions = [
        {
            "type": one.type,
            "status": one.status,
            "lastTransitionTime": _time(one.lastTransitionTime),
        }
        for one in manifest.status.conditions or []
        if one.lastTransitionTime is not None
    ]
    return {"conditions": conditions}


def phase_of(manifest: Manifest, snapshot: Snapshot) -> str:
    """Give the phase: Pending until a main container has run, then Running, then how it ended."""
    inits = [one for one in manifest.inits if not is_sidecar(one)]
    states = {one.name: snapshot.states.get(one.name, State()) for one in manifest.containers()}
    if snapshot.over:
        ends = [states[one.name].now for one in [*inits, *manifest.mains]]
        good = all(isinstance(end, Terminated) and end.code == 0 for end in ends)
        return "Succeeded" if good else "Failed"
    begun = [states[one.name] for one in manifest.mains]
    running = any(not isinstance(one.now, Waiting) or one.before is not None for one in begun)
    return "Running" if running else "Pending"


def is_initialized(manifest: Manifest, states: Mapping[str, State]) -> bool:
    """Whether all that comes before the main containers is done, or has started."""
    return all(_has_passed(one, states.get(one.name, State())) for one in manifest.inits)


def _has_passed(container: Container, state: State) -> bool:
    if is_sidecar(container):
        return state.started
    return isinstance(state.now, Terminated) and state.now.code == 0


def _conditions(manifest: Manifest, snapshot: Snapshot, phase: str, clock: "_Clock") -> list[Json]:
    unready = _unready(manifest, snapshot)
    completed = phase == "Succeeded"
    reason = "PodCompleted" if completed else "ContainersNotReady"
    unsaid = "" if completed else f"containers with unready status: [{' '.join(unready)}]"
    contained = _Verdict(not unready, reason, unsaid)
    uninitialized = [
        one.name
        for one in manifest.inits
        if not _has_passed(one, snapshot.states.get(one.name, State()))
    ]
    initialized = _Verdict(
        completed or not uninitialized,
        "ContainersNotInitialized",
        f"containers with incomplete status: [{' '.join(uninitialized)}]",
    )
    verdicts = {
        "PodReadyToStartContainers": _Verdict(snapshot.address is not None and not snapshot.over),
        "Initialized": initialized,
        "ContainersReady": contained,
        "Ready": _ready(manifest, contained),
    }
    return [_condition(kind, verdict, clock) for kind, verdict in verdicts.items()]


@dataclass(frozen=True)
class _Verdict:
    good: bool
    reason: str = ""
    message: str = ""


def _unready(manifest: Manifest, snapshot: Snapshot) -> list[str]:
    counted = [*(one for one in manifest.inits if is_sidecar(one)), *manifest.mains]
    if snapshot.over:
        return [one.name for one in counted]
    return [one.name for one in counted if not snapshot.states.get(one.name, State()).ready]


def _ready(manifest: Manifest, contained: _Verdict) -> _Verdict:
    if not contained.good:
        return contained
    known = {one.type: one.status for one in manifest.status.conditions or []}
    for gate in manifest.spec.readinessGates or []:
        if known.get(gate.conditionType) != "True":
            return _Verdict(
                False, "ReadinessGatesNotReady", f'"{gate.conditionType}" is not "True"'
            )
    return contained


def _condition(kind: str, verdict: _Verdict, clock: "_Clock") -> Json:
    status = "True" if verdict.good else "False"
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": clock.since(kind, status),
        # Null removes what a merge would otherwise keep.
        "reason": None if verdict.good else verdict.reason or None,
        "message": None if verdict.good else verdict.message or None,
    }


@dataclass(frozen=True)
class _Clock:
    """Says since when a condition is what it is."""

    now: datetime
    before: Json

    def since(self, kind: str, status: str) -> str:
        for one in self.before.get("conditions", ()):
            if one["type"] == kind and one["status"] == status:
                return str(one["lastTransitionTime"])
        return _time(self.now)


def _statuses(
    manifest: Manifest, containers: Iterable[Container], snapshot: Snapshot
) -> list[Json]:
    blocked = any(not is_initialized(manifest, snapshot.states) for _ in manifest.inits)
    return [_status(manifest, one, snapshot, blocked) for one in containers]


def _status(manifest: Manifest, container: Container, snapshot: Snapshot, blocked: bool) -> Json:
    state = snapshot.states.get(container.name)
    if state is None:
        reason = "PodInitializing" if blocked else "ContainerCreating"
        state = State(now=Waiting(reason, snapshot.message))
    status: Json = {
        "name": container.name,
        "image": container.image,
        "imageID": "",
        "state": _phase(state.now),
        "lastState": _phase(state.before) if state.before else {},
        "ready": state.ready or (_is_done(container, manifest, state)),
        "started": state.started,
        "restartCount": state.restarts,
    }
    if not isinstance(state.now, Waiting) or state.before:
        status["containerID"] = f"process://{manifest.uid}-{container.name}-{state.restarts}"
    return status


def _is_done(container: Container, manifest: Manifest, state: State) -> bool:
    # An init container that has done its work counts as ready.
    is_init = any(one.name == container.name for one in manifest.inits)
    return is_init and not is_sidecar(container) and _has_passed(container, state)


def _phase(phase: Waiting | Running | Terminated) -> Json:
    if isinstance(phase, Waiting):
        waiting = {"reason": phase.reason}
        return {"waiting": {**waiting, "message": phase.message} if phase.message else waiting}
    if isinstance(phase, Running):
        return {"running": {"startedAt": _time(phase.since)}}
    ended: Json = {
        "exitCode": phase.code,
        "reason": phase.reason,
        "startedAt": _time(phase.since),
        "finishedAt": _time(phase.until),
    }
    return {"terminated": {**ended, "message": phase.message} if phase.message else ended}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

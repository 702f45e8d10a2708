"""Canaries in the states that one meets, each as a snapshot."""

from unit.canary import documents as d
from weighbridge.canary.argo_analysis import AnalysisRun, Experiment
from weighbridge.canary.argo_rollout import Rollout
from weighbridge.canary.kubectl import Snapshot
from weighbridge.canary.kubernetes import Pod, ReplicaSet, VirtualService

SETS = (d.replica_set(d.STABLE, 3, pods=3, ready=3), d.replica_set(d.CANARY, 4))
GOOD = d.analysis_run(
    "gemma-small-7b8c6d5f94-4",
    d.measured("ttft-p95", "[0.18234567]", successful=12),
    d.measured("errors", "[0]", successful=12),
)
ABORTED = {
    "phase": "Degraded",
    "message": "RolloutAborted: Rollout aborted update to revision 4",
    "abort": True,
    "abortedAt": "2026-11-21T11:58:00Z",
    "currentStepIndex": 0,
}


def snapshot(*rollouts, runs=(), sets=SETS, experiments=(), pods=(), service=None, **more):
    """Of documents; `service` None: the VirtualService can't be read."""
    key = ("istio-ingress", "weighbridge-mesh")
    return Snapshot(
        rollouts=tuple(map(Rollout.read, rollouts)),
        runs=tuple(map(AnalysisRun.read, runs)),
        replica_sets=tuple(map(ReplicaSet.read, sets)),
        experiments=tuple(map(Experiment.read, experiments)),
        pods=tuple(map(Pod.read, pods)),
        virtual_services={key: VirtualService.read(service)} if service else {},
        **more,
    )


def progressing():
    return snapshot(d.rollout(), runs=[GOOD], service=d.virtual_service(5, 0, "canary-small"))


def inconclusive():
    run = d.analysis_run(
        "gemma-small-7b8c6d5f94-4",
        d.measured("ttft-p95", "[]", "Inconclusive", successful=2, inconclusive=3)
        | {"phase": "Inconclusive"},
        d.measured("errors", "[NaN]", "Inconclusive", inconclusive=3),
        phase="Inconclusive",
        message='Metric "ttft-p95" assessed Inconclusive '
        "due to inconclusive (3) > inconclusiveLimit (2)",
    )
    paused = d.rollout(
        phase="Paused",
        message="InconclusiveAnalysisRun",
        controllerPause=True,
        pauseConditions=[
            {"reason": "InconclusiveAnalysisRun", "startTime": "2026-11-21T11:58:00Z"}
        ],
    )
    return snapshot(paused, runs=[run], service=d.virtual_service())


def aborted(reason='Step-based analysis phase error/failed: Metric "ttft-p95" assessed Failed '
            "due to failed (2) > failureLimit (1)"):  # fmt: skip
    message = "Rollout aborted update to revision 4" + (f": {reason}" if reason else "")
    run = d.analysis_run(
        "gemma-small-7b8c6d5f94-4",
        d.measured("ttft-p95", "[0.734]", "Failed", successful=3, failed=2) | {"phase": "Failed"},
        d.measured("errors", "[0.002]", successful=5),
        phase="Failed",
        message='Metric "ttft-p95" assessed Failed due to failed (2) > failureLimit (1)',
    )
    condition = {
        "type": "Progressing",
        "status": "False",
        "reason": "RolloutAborted",
        "message": message,
        "lastUpdateTime": "2026-11-21T11:58:00Z",
        "lastTransitionTime": "2026-11-21T11:58:00Z",
    }
    return snapshot(
        d.rollout(**ABORTED, conditions=[condition]), runs=[run], service=d.virtual_service(0)
    )


def promoted():
    return snapshot(
        d.rollout(phase="Healthy", message="", stableRS=d.CANARY, currentStepIndex=8),
        runs=[GOOD],
        sets=[d.replica_set(d.CANARY, 4, pods=3, ready=3)],
        service=d.virtual_service(0),
    )


def crash_looping():
    return snapshot(
        d.rollout(
            phase="Degraded",
            message="ProgressDeadlineExceeded: ReplicaSet has timed out progressing.",
            currentStepIndex=0,
        ),
        sets=[SETS[0], d.replica_set(d.CANARY, 4, ready=0)],
        pods=[d.crashing_pod()],
        service=d.virtual_service(0),
    )


def experimenting():
    name = d.experiment()["metadata"]["name"]
    run = d.analysis_run(
        f"{name}-ttft",
        d.measured("ttft-p95", "[0.3]"),
        kind="Experiment",
        owner=d.owned_by(name, "Experiment"),
    )
    other = d.analysis_run("elsewhere", kind="Experiment", owner=d.owned_by("other", "Experiment"))
    steps = [{"experiment": {"templates": []}}, {"setWeight": 50}]
    return snapshot(
        d.rollout(steps=steps, currentStepIndex=0, canary={"currentExperiment": name}),
        runs=[run, other],
        experiments=[d.experiment()],
        service=d.virtual_service(0),
    )


def two_pools():
    large = d.rollout("llama-large", "large", phase="Healthy", message="", stableRS=d.CANARY)
    return snapshot(d.rollout(), large, runs=[GOOD], service=d.virtual_service())


ALL = {
    each.__name__: each
    for each in (
        progressing,
        inconclusive,
        aborted,
        promoted,
        crash_looping,
        experimenting,
        two_pools,
    )
}

from datetime import UTC, datetime, timedelta

import pytest
from unit.lab.kubelet.fakes import manifest
from weighbridge_lab.kubelet.states import Running, State, Terminated, Waiting
from weighbridge_lab.kubelet.status import Snapshot, build, stored

T0 = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
T1 = T0 + timedelta(seconds=9)
UP = State(now=Running(T0), started=True, ready=True)
UNREADY = State(now=Running(T0), started=True)
DONE = State(now=Terminated(0, T0, T1))
BROKEN = State(now=Terminated(3, T0, T1))

INIT = {"name": "init", "image": "tool:1"}
SIDECAR = {"name": "proxy", "image": "tool:1", "restartPolicy": "Always"}


def snapshot(over=False, address="10.244.1.0", message="", **states):
    return Snapshot(
        address=address,
        node_address="10.244.0.1",
        since=T0,
        states=states,
        message=message,
        over=over,
    )


def built(pod, now=T1, before=None, **options):
    return build(pod, snapshot(**options), now, before or {})


def conditions(status):
    return {one["type"]: one["status"] for one in status["conditions"]}


@pytest.mark.parametrize(
    ("spec", "options", "phase"),
    [
        ({}, {}, "Pending"),
        ({}, {"main": State()}, "Pending"),
        ({}, {"main": UP}, "Running"),
        ({}, {"main": State(now=Waiting("CrashLoopBackOff"), before=BROKEN.now)}, "Running"),
        ({}, {"main": DONE, "over": True}, "Succeeded"),
        ({}, {"main": BROKEN, "over": True}, "Failed"),
        ({"initContainers": [INIT]}, {"init": UP}, "Pending"),
        ({"initContainers": [INIT]}, {"init": BROKEN, "over": True}, "Failed"),
        ({"initContainers": [SIDECAR]}, {"proxy": UP, "main": UP}, "Running"),
        ({"initContainers": [SIDECAR]}, {"proxy": BROKEN, "main": DONE, "over": True}, "Succeeded"),
    ],
)
def test_the_phase_is_that_of_the_main_containers(spec, options, phase):
    assert built(manifest(**spec), **options)["phase"] == phase


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"address": None}, "FTFF"),
        ({}, "TTFF"),
        ({"main": UNREADY}, "TTFF"),
        ({"main": UP}, "TTTT"),
        ({"main": DONE, "over": True}, "FTFF"),
    ],
)
def test_conditions_say_how_far_a_pod_has_come(options, expected):
    kinds = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
    found = conditions(built(manifest(), **options))
    assert "".join(found[kind][0] for kind in kinds) == expected


@pytest.mark.parametrize(
    ("state", "initialized"), [(State(), "False"), (UP, "False"), (BROKEN, "False"), (DONE, "True")]
)
def test_an_init_container_has_passed_when_it_succeeded(state, initialized):
    found = built(manifest(initContainers=[INIT]), init=state)
    assert conditions(found)["Initialized"] == initialized


@pytest.mark.parametrize(("proxy", "ready"), [(UP, "True"), (UNREADY, "False")])
def test_a_sidecar_counts_for_readiness(proxy, ready):
    found = built(manifest(initContainers=[SIDECAR]), proxy=proxy, main=UP)
    assert conditions(found)["Initialized"] == "True"
    assert conditions(found)["Ready"] == ready


def test_an_unready_container_is_named():
    (ready,) = [one for one in built(manifest())["conditions"] if one["type"] == "Ready"]
    assert ready["reason"] == "ContainersNotReady"
    assert ready["message"] == "containers with unready status: [main]"


@pytest.mark.parametrize(
    ("gate", "ready"),
    [([], "False"), ([("gate", "False")], "False"), ([("gate", "True")], "True")],
)
def test_a_readiness_gate_holds_the_pod_back(gate, ready):
    said = [{"type": kind, "status": status} for kind, status in gate]
    pod = manifest(status={"conditions": said}, readinessGates=[{"conditionType": "gate"}])
    found = conditions(built(pod, main=UP))
    assert (found["ContainersReady"], found["Ready"]) == ("True", ready)


def times(status):
    return {one["type"]: one["lastTransitionTime"] for one in status["conditions"]}


def test_a_condition_keeps_its_time_until_it_changes():
    first = built(manifest(), now=T0, main=UNREADY)
    second = built(manifest(), now=T1, before=first, main=UP)
    assert times(second)["Initialized"] == "2026-11-21T10:00:00Z"
    assert times(second)["Ready"] == "2026-11-21T10:00:09Z"


def test_a_condition_keeps_the_time_that_an_earlier_kubelet_stored():
    before = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T09:00:00Z"}
    pod = manifest(status={"conditions": [before]})
    assert times(built(pod, before=stored(pod), main=UP))["Ready"] == "2026-11-21T09:00:00Z"


def test_the_same_snapshot_gives_the_same_status():
    first = built(manifest(), now=T0, main=UP)
    assert built(manifest(), now=T1, before=first, main=UP) == first


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (
            State(now=Waiting("ErrImagePull", "why")),
            {"waiting": {"reason": "ErrImagePull", "message": "why"}},
        ),
        (UP, {"running": {"startedAt": "2026-11-21T10:00:00Z"}}),
        (
            BROKEN,
            {
                "terminated": {
                    "exitCode": 3,
                    "reason": "Error",
                    "startedAt": "2026-11-21T10:00:00Z",
                    "finishedAt": "2026-11-21T10:00:09Z",
                }
            },
        ),
    ],
)
def test_a_containers_state_is_told_as_the_api_spells_it(state, told):
    (found,) = built(manifest(), main=state)["containerStatuses"]
    assert found["state"] == told


def test_a_restart_shows_how_the_last_run_ended():
    state = State(now=Running(T1), before=BROKEN.now, restarts=2)
    (found,) = built(manifest(), main=state)["containerStatuses"]
    assert found["lastState"]["terminated"]["exitCode"] == 3
    assert found["restartCount"] == 2


def test_what_holds_a_pod_up_shows_on_its_containers():
    (found,) = built(manifest(), message="configmap gone", address=None)["containerStatuses"]
    assert found["state"]["waiting"] == {"reason": "ContainerCreating", "message": "configmap gone"}


def test_containers_behind_an_init_container_are_initializing():
    found = built(manifest(initContainers=[INIT]), init=UP)
    (main,) = found["containerStatuses"]
    assert main["state"]["waiting"]["reason"] == "PodInitializing"
    (init,) = found["initContainerStatuses"]
    assert "running" in init["state"]


def test_an_init_container_that_is_done_counts_as_ready():
    (init,) = built(manifest(initContainers=[INIT]), init=DONE)["initContainerStatuses"]
    assert init["ready"]

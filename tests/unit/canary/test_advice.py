"""What to type next, by state; commands name pool, namespace and context."""

import shlex

import pytest
from unit.canary import documents as d
from unit.canary import scenes
from weighbridge.canary.advice import advice
from weighbridge.canary.status import states


def asked(snapshot, context=""):
    return advice(states(snapshot, d.NOW)[0], context)


def verbs(found):
    """Of each command the words after kubectl, up to the pool or an option."""
    return [" ".join(shlex.split(each.command)[1:4]) for each in found if each.command]


def paused(reason="CanaryPauseStep", index=7):
    condition = {"reason": reason, "startTime": "2026-11-21T11:58:00Z"}
    return scenes.snapshot(
        d.rollout(phase="Paused", currentStepIndex=index, pauseConditions=[condition])
    )


PROMOTE, ABORT = "argo rollouts promote", "argo rollouts abort"
PATCH = "patch rollout gemma-small"


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (scenes.progressing(), [ABORT]),
        (scenes.inconclusive(), [PATCH, ABORT, PROMOTE]),
        (paused(), [PROMOTE, ABORT]),
        (paused(index=5), [PROMOTE, ABORT]),
        (paused("InconclusiveExperiment"), [PATCH, ABORT, PROMOTE]),
        (scenes.snapshot(d.rollout(spec={"paused": True})), [PATCH, PROMOTE, ABORT]),
        (scenes.aborted(), ["argo rollouts retry"]),
        (scenes.crash_looping(), ["describe pods --namespace", ABORT]),
        (scenes.promoted(), []),
        (scenes.snapshot(d.rollout(phase="Degraded", message="InvalidSpec: no such Service")), []),
        (scenes.snapshot(d.rollout(phase="Progressing", stableRS=d.CANARY)), []),
    ],
)
def test_each_state_has_its_commands(snapshot, expected):
    assert verbs(asked(snapshot)) == expected


@pytest.mark.parametrize("scene", scenes.ALL.values(), ids=scenes.ALL)
def test_every_state_says_something(scene):
    found = asked(scene())

    assert found
    assert all(each.effect for each in found)


def test_a_timed_pause_goes_on_by_itself():
    assert "goes on by itself in 480 s" in asked(paused(index=5))[0].effect


def test_a_pause_by_hand_ends_where_it_was():
    resumed, past, _ = asked(scenes.snapshot(d.rollout(spec={"paused": True})))

    assert shlex.split(resumed.command)[-1] == '{"spec":{"paused":false}}'
    assert "past the step" in past.effect


def test_commands_name_the_context_they_were_asked_in():
    command = asked(scenes.progressing(), "blue")[-1].command

    assert command == "kubectl argo rollouts abort gemma-small --namespace llm --context blue"

"""The state of a canary, from documents as the API server gives them."""

import dataclasses

import pytest
from unit.canary import documents as d
from unit.canary import scenes
from weighbridge.canary.argo_rollout import Rollout
from weighbridge.canary.status import PauseState, states
from weighbridge.errors import CanaryError


def state(snapshot):
    """Of the first pool."""
    return states(snapshot, d.NOW)[0]


def of_rollout(**more):
    return state(scenes.snapshot(d.rollout(**more)))


def test_a_canary_under_way_has_its_step_its_weight_and_the_gateways_own():
    seen = state(scenes.progressing())

    assert (seen.pool, seen.tier, seen.phase, seen.aborted) == (
        "gemma-small",
        "small",
        "Progressing",
        "",
    )
    assert (seen.position.index, seen.position.weight) == (4, 5)
    assert [(s.virtual_service, s.route, s.canary) for s in seen.splits] == [
        ("istio-ingress/weighbridge-mesh", "tier-small", 5)
    ]
    assert seen.managed_routes == ("canary-small",)
    assert seen.template == "Deployment gemma-small"


def test_revisions_have_their_models_images_and_pods():
    stable, canary = state(scenes.progressing()).revisions

    assert (stable.role, stable.number, stable.model, stable.ready, stable.pods) == (
        "stable", 3, "google/gemma-2-9b-it", 3, 3,
    )  # fmt: skip
    assert (canary.role, canary.number, canary.model, canary.image) == (
        "canary", 4, "google/gemma-3-12b-it", "vllm/vllm-openai:v0.33.0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ({"args": ["--model", "a/b"]}, "a/b"),
        ({"args": ["--model=a/b"]}, "a/b"),
        ({"command": ["vllm", "serve", "a/b"]}, "a/b"),
        ({"args": ["--model"]}, ""),
        ({}, ""),
    ],
)
def test_the_model_is_found_however_vllm_is_told(words, model):
    document = d.replica_set(d.STABLE, 1)
    document["spec"]["template"]["spec"]["containers"] = [{"name": "server", "image": "i", **words}]

    seen = state(scenes.snapshot(d.rollout(), sets=[document]))

    assert (seen.revisions[0].model, seen.revisions[0].image) == (model, "i")


def test_the_models_label_comes_before_what_vllm_is_told():
    document = d.replica_set(d.STABLE, 1)
    document["spec"]["template"]["metadata"]["labels"]["weighbridge.dev/model"] = "gemma-2-9b-it"

    seen = state(scenes.snapshot(d.rollout(), sets=[document]))

    assert seen.revisions[0].model == "gemma-2-9b-it"


def test_replica_sets_of_another_rollout_don_t_count():
    other = d.replica_set(d.STABLE, 9, pool="other")

    assert state(scenes.snapshot(d.rollout(), sets=[other])).revisions[0].number is None


def test_a_pause_for_want_of_data_says_so_and_since_when():
    seen = state(scenes.inconclusive())

    assert seen.pause == PauseState("InconclusiveAnalysisRun", "2026-11-21T11:58:00Z", None)
    assert [gate.value for gate in seen.analyses[0].gates] == ["no data", "no data (NaN)"]


def test_a_timed_pause_says_what_is_left_of_it():
    condition = {"reason": "CanaryPauseStep", "startTime": "2026-11-21T11:56:00Z"}

    seen = of_rollout(phase="Paused", currentStepIndex=5, pauseConditions=[condition])

    assert seen.pause == PauseState("CanaryPauseStep", "2026-11-21T11:56:00Z", 360)


def test_a_pause_by_hand_is_one():
    assert of_rollout(spec={"paused": True}).pause == PauseState("by hand", "", None)


def test_an_abort_names_the_gate():
    assert state(scenes.aborted()).aborted == (
        'Step-based analysis phase error/failed: Metric "ttft-p95" assessed Failed '
        "due to failed (2) > failureLimit (1)"
    )


def test_an_abort_that_no_gate_asked_for_was_by_hand():
    assert state(scenes.aborted(reason="")).aborted == "by hand: no gate asked for it"


def test_a_promoted_rollout_has_one_revision_and_wants_no_canary():
    seen = state(scenes.promoted())

    assert (seen.promoted, seen.position.weight, len(seen.revisions)) == (True, 0, 1)


def test_pods_that_crash_say_why():
    seen = state(scenes.crash_looping())

    assert seen.revisions[-1].trouble == "vllm CrashLoopBackOff after OOMKilled, 4 restarts"
    assert seen.revisions[0].trouble == ""


def test_pods_that_no_node_takes_say_why():
    pod = d.crashing_pod() | {
        "status": {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes: insufficient nvidia.com/gpu",
                }
            ]
        }
    }

    seen = state(scenes.snapshot(d.rollout(), pods=[pod, pod]))

    assert seen.revisions[-1].trouble == "Unschedulable: 0/3 nodes: insufficient nvidia.com/gpu"


def test_an_experiment_shows_both_sides_and_its_own_analyses_alone():
    seen = state(scenes.experimenting())

    assert seen.experiment.sides == ("old: Running, 1 of 1 ready", "new: Running, 0 of 1 ready")
    assert [(a.kind, a.gates[0].value) for a in seen.analyses] == [("experiment", "0.3")]


def test_of_each_kind_of_analysis_the_newest_of_the_wanted_revision_is_shown():
    runs = [
        d.analysis_run("new", created="2026-11-21T11:59:00Z"),
        d.analysis_run("old"),
        d.analysis_run("of-stable", revision=d.STABLE, created="2026-11-21T11:59:59Z"),
        d.analysis_run("of-another", owner=d.owned_by("llama-large")),
        d.analysis_run("step", kind="Step"),
    ]

    seen = state(scenes.snapshot(d.rollout(), runs=runs))

    assert [(a.name, a.kind) for a in seen.analyses] == [("new", "background"), ("step", "step 3")]


def test_without_analysis_there_is_none():
    assert state(scenes.snapshot(d.rollout())).analyses == ()


def test_pools_of_one_virtual_service_each_have_their_own_route():
    small, large = states(
        scenes.snapshot(
            d.rollout(), d.rollout("llama-large", "large"), service=d.virtual_service(5, 25)
        ),
        d.NOW,
    )

    assert [(s.splits[0].route, s.splits[0].canary) for s in (small, large)] == [
        ("tier-small", 5),
        ("tier-large", 25),
    ]


def test_the_tier_is_known_from_the_route_where_no_label_says_it():
    document = d.rollout()
    del document["metadata"]["labels"]

    assert state(scenes.snapshot(document)).tier == "small"


def test_a_split_by_hosts_is_read_too():
    document = d.rollout()
    istio = document["spec"]["strategy"]["canary"]["trafficRouting"]["istio"]
    del istio["destinationRule"]
    istio["virtualService"] = istio.pop("virtualServices")[0]
    service = d.virtual_service()
    hosts = [("gemma-small-stable", 90), ("gemma-small-canary.llm.svc.cluster.local", 10)]
    service["spec"]["http"][1]["route"] = [
        {"destination": {"host": host}, "weight": weight} for host, weight in hosts
    ]

    assert state(scenes.snapshot(document, service=service)).splits[0].canary == 10


@pytest.mark.parametrize(
    ("status", "phase", "message"),
    [
        ({"observedGeneration": "2"}, "Progressing", "not seen the last change of the Rollout"),
        ({"workloadObservedGeneration": "6"}, "Progressing", "last change of the Deployment"),
        ({"phase": None}, "Unknown", "does Argo Rollouts run?"),
        ({"controllerPause": True}, "Progressing", "about to go on"),
        ({"phase": "Degraded", "message": "InvalidSpec: x"}, "Degraded", "InvalidSpec: x"),
    ],
)
def test_the_phase_is_that_of_what_is_wanted_now(status, phase, message):
    seen = of_rollout(**status)

    assert seen.phase == phase
    assert message in seen.message


def test_a_rollout_that_is_no_canary_is_said_to_be_none():
    seen = of_rollout(spec={"strategy": {"blueGreen": {"activeService": "x"}}})

    assert (seen.message, seen.splits) == ("not a canary: this Rollout has another strategy", ())


def test_a_first_version_has_nothing_stable_beside_it():
    seen = of_rollout(stableRS="")

    assert [each.role for each in seen.revisions] == ["first"]
    assert not seen.promoted


def test_a_pod_template_of_its_own_is_said():
    assert of_rollout(spec={"workloadRef": None}).template == "the Rollout's own"


def test_fields_of_another_type_are_refused_with_their_place():
    document = d.rollout(currentStepIndex="second")

    with pytest.raises(CanaryError, match=r"Rollout gemma-small: .*\$\.status\.currentStepIndex"):
        Rollout.read(document)


@pytest.mark.parametrize("scene", scenes.ALL.values(), ids=scenes.ALL)
def test_every_state_is_data_through_and_through(scene):
    for each in states(scene(), d.NOW):
        assert dataclasses.asdict(each)["pool"] == each.pool

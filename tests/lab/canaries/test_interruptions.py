"""What befalls a rollout half way: parts of the platform restart, people and pipelines step in."""

from lab.canaries.asserting import assert_back_on_stable
from lab.canaries.test_healthy_canaries import assert_promoted
from weighbridge_lab.canaries import ARGO, POOLS, Version
from weighbridge_lab.installation import until_rolled_out
from weighbridge_lab.monitoring import MONITORING, PROMETHEUS
from weighbridge_lab.waiting import until

SMALL = POOLS["small"]


def test_istiod_that_restarts_half_way_changes_nothing(lab, act):
    with act("healthy, istiod restarts at 20 %") as running:
        running.change.until_weight(20)
        lab.kubectl("delete", "pod", "--selector=app=istiod", "--namespace=istio-system")
        until_rolled_out(lab.cluster, "istio-system", "deployment/istiod")
        running.change.until_promoted(150)
    assert_promoted(running)


def test_controller_that_restarts_half_way_goes_on(lab, act):
    with act("healthy, Argo's controller restarts at 20 %") as running:
        running.change.until_weight(20)
        (before,) = lab.pods(ARGO, ARGO)
        lab.kubectl("delete", "pod", before, "--namespace", ARGO)
        running.change.until_promoted(150)
    assert_promoted(running)
    # The steps that were done are not done again.
    assert [weight.percent for weight in running.change.weights()] == [0, 20, 50, 100, 0]


def test_sick_canary_is_aborted_by_a_controller_that_was_killed(lab, act):
    with act("slow: TTFT x4, Argo's controller killed at 20 %", "--ttft-factor=4") as running:
        running.change.until_weight(20)
        (pod,) = lab.pods(ARGO, ARGO)
        lab.signal(ARGO, pod, ARGO, "KILL")
        running.change.until_aborted(150)
    assert running.change.weight == 0
    assert running.figures.failed_else == 0, running.ledger.summary()


def test_without_prometheus_nothing_is_promoted(lab, act):
    def scale(replicas):
        lab.kubectl(
            "scale", f"deployment/{PROMETHEUS}", f"--replicas={replicas}", f"-n{MONITORING}"
        )

    with act("healthy, Prometheus goes down at 20 %") as running:
        running.change.until_weight(20)
        scale(0)
        try:
            running.change.until_aborted(150)
        finally:
            scale(1)
            until_rolled_out(lab.cluster, MONITORING, f"deployment/{PROMETHEUS}")
            until("Prometheus scrapes all pools", lambda: lab.query("count(up == 1)") >= 5)
    assert_back_on_stable(running, measured=False)
    assert {m.phase for m in running.change.measurements()} >= {"Error"}
    assert "assessed Error" in running.change.status["message"]


def test_newer_revision_takes_the_place_of_a_sick_canary(act, change_of):
    with act("slow: TTFT x4, and its repair pushed at 20 %", "--ttft-factor=4") as running:
        running.change.until_weight(20)
        repair = change_of(SMALL)
        repair.push(Version.new())
        repair.until_promoted(150)
    assert not running.ledger.failed(), running.ledger.summary()
    assert repair.status["stableRS"] == repair.revision


def test_newer_revision_takes_the_place_of_a_healthy_canary(act, change_of):
    with act("healthy, and a second revision pushed at 50 %") as running:
        running.change.until_weight(50)
        second = change_of(SMALL)
        second.push(Version.new())
        second.until_promoted(150)
    assert not running.ledger.failed(), running.ledger.summary()
    # It starts from the beginning.
    assert [weight.percent for weight in second.weights()][-4:] == [20, 50, 100, 0]


def test_abort_whose_canary_has_no_pods_goes_back_to_stable(lab, act):
    with act("healthy, its pods deleted and aborted at 20 %") as running:
        running.change.until_weight(20)
        hash_ = f"rollouts-pod-template-hash={running.change.revision}"
        lab.kubectl("delete", "pods", f"--selector={hash_}", "--namespace=llm", "--wait=false")
        lab.argo("abort", SMALL)
        running.change.until_aborted()
    assert_back_on_stable(running)
    assert running.figures.failed_new == 0


def test_revert_half_way_goes_straight_back(lab, act):
    with act("healthy, reverted at 50 %") as running:
        running.change.until_weight(50)
        roll_back(lab)
        running.change.until_phase("Healthy")
        running.until_answered(1)
    assert running.change.status["stableRS"] == running.change.stable
    assert [weight.percent for weight in running.change.weights()] == [0, 20, 50, 0]
    assert not running.ledger.failed(), running.ledger.summary()


def test_rollback_of_what_was_promoted_is_a_canary_itself(lab, act, change_of):
    with act("healthy, promoted and rolled back") as running:
        running.change.until_promoted(150)
        back = change_of(SMALL)
        back.follow(lambda: roll_back(lab))
        back.until_promoted(150)
    assert back.revision == running.change.stable
    assert not running.ledger.failed(), running.ledger.summary()


def roll_back(lab):
    """What the guide says; Argo has written the Services' selectors since."""
    lab.cluster.run("helm", "rollback", SMALL, "--namespace=llm", "--force-conflicts")

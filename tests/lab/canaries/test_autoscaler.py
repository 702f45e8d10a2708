"""The real HPA scales a pool by vLLM's own metrics, and a canary that is under way doesn't mind."""

import json
import time
from functools import partial

import pytest
import yaml
from lab.canaries.test_healthy_canaries import assert_promoted, assert_split_as_set
from weighbridge_lab.autoscaling import (
    ADAPTER,
    metric_by_pod,
    metrics_of_pods,
    metrics_read,
    rescales,
    until_scaling,
)
from weighbridge_lab.canaries import POOL_CHART, POOLS, TIMES, Version
from weighbridge_lab.installation import until_rolled_out
from weighbridge_lab.monitoring import MONITORING
from weighbridge_lab.traffic import Traffic
from weighbridge_lab.waiting import until

SMALL = POOLS["small"]
FEWEST, MOST = 2, 4
AUTOSCALING = {"kind": "hpa", "minReplicas": FEWEST, "maxReplicas": MOST}
# By queue and cache alone. Two pods of ten seats hold the short answers of 20 requests a second,
# 0.7 s each; not beside them the long ones of five a second, 3.8 s each.
BY_QUEUE = AUTOSCALING | {"maxNumSeqsUsage": 0}
VALUES = {"autoscaling": BY_QUEUE, "vllm": {"maxNumSeqs": 10, "extraArgs": [*TIMES]}}
RATE = 40
LONG = {"rate": 10, "max_tokens": 64}
LULL_S = 2
# Of the 256 seats that a pod has otherwise these are five, and 20 requests a second take seven.
SMALL_SHARE = 0.02


def set_autoscaling(lab, values):
    """Give the pool other values of its autoscaler, and no other version."""
    word = f"autoscaling={json.dumps(values)}"
    words = ("upgrade", SMALL, str(POOL_CHART), "--namespace=llm", "--reuse-values", "--set-json")
    lab.cluster.run("helm", *words, word)


def hand_over(lab):
    """Make the number of pods somebody's before Helm lets go of it, as docs/pools.md says."""
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": SMALL, "namespace": "llm"},
        "spec": {"replicas": FEWEST},
    }
    words = ("apply", "--server-side", "--field-manager=autoscaler", "-f", "-")
    lab.kubectl(*words, text=yaml.safe_dump(rollout))


@pytest.fixture
def replicas(lab, chronicle, rollouts):
    """The small pool's number of pods is the autoscaler's; gives each that there was since then."""
    began = time.time()
    with metrics_of_pods(lab):
        set_autoscaling(lab, AUTOSCALING)
        hand_over(lab)
        # Long enough at the first weight for the autoscaler to act while it is in force.
        pauses = ["8s", "3s", "3s"]
        rollouts({"rollouts": {SMALL: {"tier": "small", "replicas": None, "pauses": pauses}}})
        until_scaling(lab, SMALL)
        yield lambda: [
            event.object["spec"].get("replicas", 0)
            for event in chronicle.events("rollout", SMALL, began)
        ]
        set_autoscaling(lab, {"kind": "none"})


@pytest.fixture
def _few_seats(change_of):
    """The pool's pods have room for few requests; those of other tests again for many."""

    def promote(values):
        change = change_of(SMALL)
        change.push(Version.new(values=values))
        change.promote()

    promote(VALUES)
    yield
    promote({})


def test_pool_that_is_handed_over_keeps_its_pods_with_metrics_and_without(lab, replicas):
    def told_of_each_pod(metric):
        return set(metric_by_pod(lab, metric, SMALL)) == set(lab.pods("llm", SMALL))

    metrics = lab.get("hpa", SMALL, "llm")["spec"]["metrics"]
    names = [metric["pods"]["metric"]["name"] for metric in metrics]
    assert len(names) == 3
    for name in names:
        # Pods that were there a moment ago are remembered until Prometheus misses them.
        until(f"{name} is told of each pod", partial(told_of_each_pod, name))
    until("the autoscaler has a value of each", lambda: metrics_read(lab, SMALL) == names)
    scale_adapter(lab, 0)
    until_scaling(lab, SMALL, active=False)
    scale_adapter(lab, 1)
    until_scaling(lab, SMALL)
    assert set(replicas()) == {FEWEST}


def scale_adapter(lab, count):
    """Have so many adapters."""
    lab.kubectl("scale", f"deployment/{ADAPTER}", f"--replicas={count}", f"-n{MONITORING}")
    until_rolled_out(lab.cluster, MONITORING, f"deployment/{ADAPTER}")


@pytest.mark.usefixtures("replicas", "_few_seats")
def test_pool_grows_under_a_canary_and_shrinks_after_it(lab, act, chronicle, replicas):
    with act("healthy, autoscaler acts at 20 %", rate=RATE, values=VALUES) as running:
        change = running.change
        change.until_weight(20)
        with Traffic(lab.gateway, **LONG) as long:
            chronicle.until("the pool grows", lambda: max(replicas()) > FEWEST)
            assert change.weight == 20
            change.until_promoted(120)
    assert_promoted(running)
    assert not long.ledger.failed(), long.ledger.summary()
    assert [weight.percent for weight in change.weights()] == [0, 20, 50, 100, 0]
    assert_split_as_set(change)
    assert replicas()[-1] == MOST
    with Traffic(lab.gateway, rate=RATE, max_tokens=8) as short:
        set_autoscaling(lab, {"behavior": {"scaleDownSeconds": LULL_S}})
        until("the pool shrinks", lambda: replicas()[-1] == FEWEST)
        short.until_answered(3 * RATE)
    assert not short.ledger.failed(), short.ledger.summary()
    reasons = rescales(lab, SMALL)
    assert any("pods metric vllm_num_requests_waiting above target" in each for each in reasons)
    assert "All metrics below target" in reasons[-1]


def test_pool_grows_when_its_seats_are_taken_though_nobody_waits(lab, chronicle, replicas):
    set_autoscaling(lab, {"maxNumSeqsUsage": SMALL_SHARE})
    with Traffic(lab.gateway, rate=RATE, max_tokens=8) as short:
        chronicle.until("the pool grows", lambda: max(replicas()) > FEWEST)
    assert not short.ledger.failed(), short.ledger.summary()
    reasons = rescales(lab, SMALL)
    assert "pods metric vllm_num_requests_running above target" in reasons[-1]

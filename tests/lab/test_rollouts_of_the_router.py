"""The router is replaced and reconfigured at 200 requests a second, and none of them fails."""

import pytest
from envoy_rig.requests import EASY, chat, decision
from lab.servers import ROUTER, ROUTER_CLUSTER, ROUTERS, until_healthy
from weighbridge_lab.installation import until_rolled_out
from weighbridge_lab.ledger import Kind
from weighbridge_lab.waiting import until

CHAT = "/v1/chat/completions"
RATE = 200


def starts(lab):
    """Names of the router's pods, and how often each container was started again."""
    pods = [lab.get("pod", name, ROUTERS) for name in lab.pods(ROUTERS, ROUTER)]
    return {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in pods
    }


def test_rollout_of_the_router_costs_no_request(lab, trial):
    before = set(lab.pods(ROUTERS, ROUTER))
    with trial("the router rolls out", rate=RATE) as running:
        running.strike()
        lab.kubectl("rollout", "restart", f"deployment/{ROUTER}", "--namespace", ROUTERS)
        until_rolled_out(lab.cluster, ROUTERS, f"deployment/{ROUTER}")
        until_healthy(lab, ROUTER_CLUSTER, 2)
        running.until_answered(RATE)
    assert before.isdisjoint(lab.pods(ROUTERS, ROUTER))
    assert not running.ledger.failed(), running.ledger.summary()


def test_router_that_leaves_costs_no_request(lab, trial):
    first, _ = lab.pods(ROUTERS, ROUTER)
    with trial("one of two routers is deleted", rate=RATE) as running:
        running.strike()
        lab.kubectl("delete", "pod", first, "--namespace", ROUTERS)
        until_healthy(lab, ROUTER_CLUSTER, 2)
        running.until_answered(RATE)
    assert not running.ledger.failed(), running.ledger.summary()


@pytest.mark.usefixtures("lab")
def test_new_threshold_costs_no_request_and_no_restart(lab, client, trial, router):
    before = starts(lab)
    with trial("the threshold changes", rate=RATE) as running:
        running.strike()
        router({"settings": {"policy": {"threshold": 0.0}}})
        until("all is hard", lambda: decision(client.post(CHAT, json=chat(EASY)))[0] == "large")
        running.until_answered(RATE)
    assert not running.ledger.failed(), running.ledger.summary()
    assert running.ledger.by_tier(Kind.EASY)["large"]
    assert starts(lab) == before

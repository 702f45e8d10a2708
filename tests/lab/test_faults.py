"""Faults while clients send: no request of theirs fails that a retry could have saved."""

import time

import pytest
from envoy_rig.requests import EASY, HARD, chat, decision
from lab.servers import (
    ROUTER,
    ROUTER_CLUSTER,
    ROUTERS,
    SMALL,
    SMALL_CLUSTER,
    healthy,
    hung,
    until_healthy,
)
from weighbridge_lab.installation import until_rolled_out
from weighbridge_lab.pools import POOLS_NAMESPACE, default_pools, pool
from weighbridge_lab.waiting import until

CHAT = "/v1/chat/completions"
RATE = 100
# Near half a second each, so that there are always some that are half sent. Fewer: each token of a
# stream is an event for five processes.
LONG_ANSWERS = {"rate": 40, "max_tokens": 200}


@pytest.fixture
def two_servers(lab):
    """The small pool with two servers."""
    lab.apply(pool(SMALL, "small", models=["gemma-2-9b-it", "auto"], replicas=2))
    until_healthy(lab, SMALL_CLUSTER, 2)
    yield
    lab.apply(default_pools())
    until_healthy(lab, SMALL_CLUSTER, 1)


@pytest.fixture
def scale_pool(lab):
    """Give the small pool so many servers, for one test."""

    def scale(replicas):
        words = ("scale", f"deployment/{SMALL}", f"--replicas={replicas}")
        lab.kubectl(*words, "--namespace", POOLS_NAMESPACE)
        until_healthy(lab, SMALL_CLUSTER, replicas)

    yield scale
    scale(1)


@pytest.fixture
def scale_istiod(lab):
    """Give the mesh so many istiods, for one test."""

    def scale(replicas):
        words = ("scale", "deployment/istiod", f"--replicas={replicas}")
        lab.kubectl(*words, "--namespace", "istio-system")
        until("istiod is scaled", lambda: len(lab.pods("istio-system", "istiod")) == replicas)

    yield scale
    scale(1)
    until_rolled_out(lab.cluster, "istio-system", "deployment/istiod")
    until("istiod's webhooks answer", lambda: lab.install_mesh() is None)


def until_weighed(client):
    """Wait until the router decides."""
    until("the router decides", lambda: decision(client.post(CHAT, json=chat(EASY)))[1] == "score")


def test_killed_routers_cost_no_request(lab, client, trial):
    with trial("both routers are killed", rate=RATE) as running:
        running.strike()
        for name in lab.pods(ROUTERS, ROUTER):
            lab.signal(ROUTERS, name, ROUTER, "KILL")
        running.until_answered(RATE)
        until_healthy(lab, ROUTER_CLUSTER, 2)
        until_weighed(client)
    assert not running.ledger.failed(), running.ledger.summary()


def test_deleted_routers_cost_no_request(lab, client, trial):
    with trial("both routers are deleted", rate=RATE) as running:
        running.strike()
        lab.kubectl("delete", "pods", "--all", "--namespace", ROUTERS)
        until_healthy(lab, ROUTER_CLUSTER, 2)
        until_weighed(client)
    assert not running.ledger.failed(), running.ledger.summary()


def test_hung_routers_cost_no_request(lab, client, trial):
    with trial("both routers hang", rate=RATE) as running:
        running.strike()
        with hung(lab, lab.pods(ROUTERS, ROUTER)):
            until_healthy(lab, ROUTER_CLUSTER, 0)
            running.until_answered(RATE)
        until_weighed(client)
    assert not running.ledger.failed(), running.ledger.summary()
    assert running.ledger.unweighed()


def test_other_router_weighs_all_once_the_hung_one_is_out(lab, trial):
    first, _ = lab.pods(ROUTERS, ROUTER)
    with trial("one of two routers hangs", rate=RATE) as running:
        running.strike()
        with hung(lab, [first]):
            until_healthy(lab, ROUTER_CLUSTER, 1)
            out = time.monotonic()
            running.until_answered(2 * RATE)
            back = time.monotonic()
        until_healthy(lab, ROUTER_CLUSTER, 2)
    assert not running.ledger.failed(), running.ledger.summary()
    alone = running.ledger.between(out, back)
    assert not alone.unweighed(), alone.summary()


@pytest.mark.usefixtures("two_servers")
def test_data_plane_serves_without_istiod_and_catches_up(lab, trial, scale_istiod):
    before = healthy(lab, SMALL_CLUSTER)
    with trial("istiod is gone; a server and a router leave", rate=RATE) as running:
        running.strike()
        scale_istiod(0)
        running.until_answered(RATE)
        for namespace, name in ((POOLS_NAMESPACE, SMALL), (ROUTERS, ROUTER)):
            lab.kubectl("delete", "pod", lab.pods(namespace, name)[0], "--namespace", namespace)
        running.until_answered(RATE)
        assert healthy(lab, SMALL_CLUSTER) <= before
        scale_istiod(1)
        until("the new server is known", lambda: healthy(lab, SMALL_CLUSTER) - before, 60)
        running.until_answered(RATE)
    assert not running.ledger.failed(), running.ledger.summary()


def test_threshold_changes_without_istiod(client, router, scale_istiod):
    scale_istiod(0)
    router({"settings": {"policy": {"threshold": 0.0}}})
    until("all is hard", lambda: decision(client.post(CHAT, json=chat(EASY))) == ("large", "score"))


def test_empty_pool_is_a_clear_error_at_once(client, trial, scale_pool):
    with trial("a pool is empty, without fallback", rate=RATE) as running:
        running.strike()
        scale_pool(0)
        easy, hard = (client.post(CHAT, json=chat(text)) for text in (EASY, HARD))
        scale_pool(1)
        running.until_answered(RATE)
    assert (easy.status_code, easy.json()["error"]["code"]) == (503, "no_healthy_upstream")
    assert decision(easy) == ("small", "score")
    assert hard.status_code == 200
    assert {record.tier for record in running.ledger.failed()} == {"small"}


def test_other_tier_answers_for_an_empty_pool(lab, client, trial, mesh, scale_pool):
    mesh({"tiers": {"small": {"fallback": "large"}}})
    until("the pool has a fallback", lambda: f"own{SMALL_CLUSTER}" in lab.ask_envoy("/clusters"))
    with trial("a pool is empty, with fallback", rate=RATE) as running:
        running.strike()
        scale_pool(0)
        easy = client.post(CHAT, json=chat(EASY))
        running.until_answered(RATE)
        scale_pool(1)
        running.until_answered(RATE)
    assert easy.json()["model"] == "llama-3.3-70b-instruct"
    assert not running.ledger.failed(), running.ledger.summary()


@pytest.mark.usefixtures("two_servers")
def test_killed_server_fails_only_what_it_was_given_before(lab, trial):
    first, _ = lab.pods(POOLS_NAMESPACE, SMALL)
    with trial("a server is killed while it answers", **LONG_ANSWERS) as running:
        running.strike()
        lab.signal(POOLS_NAMESPACE, first, "vllm", "KILL")
        dead = time.monotonic()
        running.until_answered(RATE)
        until_healthy(lab, SMALL_CLUSTER, 2)
    assert running.ledger.cut()
    assert not running.ledger.retriable(), running.ledger.summary()
    assert not running.ledger.between(dead, time.monotonic()).failed(), running.ledger.summary()


@pytest.mark.usefixtures("two_servers")
def test_what_a_killed_server_had_begun_is_tried_again_where_so_set(lab, trial, mesh):
    mesh({"retries": {"begun": True}})
    until("resets are tried again", lambda: ",reset" in lab.ask_envoy("/config_dump"))
    first, _ = lab.pods(POOLS_NAMESPACE, SMALL)
    with trial("the same, with retries.begun", **LONG_ANSWERS) as running:
        running.strike()
        lab.signal(POOLS_NAMESPACE, first, "vllm", "KILL")
        running.until_answered(RATE)
        until_healthy(lab, SMALL_CLUSTER, 2)
    assert running.ledger.cut() == running.ledger.failed(), running.ledger.summary()


@pytest.mark.usefixtures("two_servers")
def test_servers_that_leave_finish_their_answers(lab, trial):
    before = set(lab.pods(POOLS_NAMESPACE, SMALL))
    with trial("a pool rolls out", **LONG_ANSWERS) as running:
        running.strike()
        lab.kubectl("rollout", "restart", f"deployment/{SMALL}", "--namespace", POOLS_NAMESPACE)
        until_rolled_out(lab.cluster, POOLS_NAMESPACE, f"deployment/{SMALL}")
        running.until_answered(RATE)
    assert before.isdisjoint(lab.pods(POOLS_NAMESPACE, SMALL))
    assert not running.ledger.failed(), running.ledger.summary()

"""Whatever becomes of the router, every request reaches a pool, soon."""

import signal
import time

import pytest
from envoy_rig.requests import EASY, chat, client_of, decision
from envoy_rig.rig import wait_until
from weighbridge_mesh.options import BodyMode, FilterOptions

GENEROUS_SECONDS = 3
"""message_timeout is 0.2 s per message; the rest is for a busy machine."""

FAILED_OPEN = ("large", "fail-open")


@pytest.fixture
def path(rig, endpoints):
    """A router of its own for each test, and a client."""
    router = rig.router()
    with client_of(rig.envoy(endpoints, [router.endpoint])) as client:
        assert decision(ask(client)) == ("small", "score")
        yield router, client
    router.close()


def ask(client):
    started = time.monotonic()
    response = client.post("/v1/chat/completions", json=chat(EASY))
    assert time.monotonic() - started < GENEROUS_SECONDS
    assert response.status_code == 200
    assert response.json()["pool"] == response.headers["x-weighbridge-tier"]
    return response


def test_killed_router_fails_open_and_is_used_again_once_back(path):
    router, client = path
    router.kill()
    for _ in range(20):
        assert decision(ask(client)) == FAILED_OPEN
    assert decision(client.get("/v1/models")) == FAILED_OPEN
    router.start()
    wait_until(lambda: decision(ask(client)) == ("small", "score"), "router is used again")


def test_hung_router_fails_open_and_soon_costs_no_time(path):
    router, client = path
    router.signal(signal.SIGSTOP)
    for _ in range(5):
        assert decision(ask(client)) == FAILED_OPEN
    time.sleep(3)  # two health checks in vain: from now on nobody waits for it
    started = time.monotonic()
    for _ in range(10):
        assert decision(ask(client)) == FAILED_OPEN
    assert time.monotonic() - started < 10 * 0.2
    router.signal(signal.SIGCONT)
    wait_until(lambda: decision(ask(client)) == ("small", "score"), "router is used again")


@pytest.mark.parametrize("mode", ["slow", "hang", "garbage", "immediate", "stranger"])
def test_misbehaving_router_fails_open(rig, endpoints, mode):
    double = rig.double(mode)
    with client_of(rig.envoy(endpoints, [double.endpoint])) as client:
        for _ in range(3):
            response = ask(client)
            assert decision(response) == FAILED_OPEN
            assert "x-weighbridge-score" not in response.headers
        assert decision(client.get("/v1/models")) == FAILED_OPEN
    double.close()


def test_failing_closed_is_an_error_in_openai_shape(rig, endpoints):
    double = rig.double("garbage")
    envoy = rig.envoy(endpoints, [double.endpoint], filter=FilterOptions(failure_mode_allow=False))
    with client_of(envoy) as client:
        response = client.post("/v1/chat/completions", json=chat())
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "gateway_error"
    double.close()


def test_full_duplex_fails_open_only_before_body_bytes_have_left(rig, endpoints):
    double = rig.double("normal")
    options = FilterOptions(body_mode=BodyMode.FULL_DUPLEX_STREAMED)
    with client_of(rig.envoy(endpoints, [double.endpoint], filter=options)) as client:
        double.kill()
        assert client.post("/v1/chat/completions", json=chat()).status_code == 500
        assert decision(client.get("/v1/models")) == FAILED_OPEN
        time.sleep(3)  # two health checks in vain: no byte is sent to it any more
        assert decision(client.post("/v1/chat/completions", json=chat())) == FAILED_OPEN

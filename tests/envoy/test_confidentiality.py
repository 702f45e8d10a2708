"""What the router never gets to see, and what clients can't make Envoy believe."""

import pytest
from envoy_rig.requests import EASY, chat, client_of, decision, received
from weighbridge.contract import DECISION_HEADERS
from weighbridge_mesh.filter_chain import FORWARDED_HEADERS

SPOOFED = {name: "large" if name.endswith("tier") else "9" for name in DECISION_HEADERS}


@pytest.fixture(scope="module")
def double(rig):
    return rig.double("normal")


@pytest.fixture(scope="module")
def client(rig, double, endpoints):
    with client_of(rig.envoy(endpoints, [double.endpoint])) as client:
        yield client


def test_router_sees_only_the_headers_that_it_reads(client, double):
    secret = {
        "authorization": "Bearer secret",
        "api-key": "secret",
        "cookie": "secret=1",
        "x-weighbridge-prefer": "large",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    response = client.post("/v1/chat/completions", json=chat(), headers=secret)
    shown = dict(double.seen()[-1])
    assert set(shown) <= set(FORWARDED_HEADERS)
    assert shown["x-weighbridge-prefer"] == "large"
    assert shown["traceparent"] == secret["traceparent"]
    assert "secret" not in str(shown)
    assert received(response, "authorization") == ["Bearer secret"]
    assert received(response, "cookie") == ["secret=1"]


def test_spoofed_headers_are_gone_before_the_router_sees_them(client, double):
    client.post("/v1/chat/completions", json=chat(), headers=SPOOFED)
    assert not set(dict(double.seen()[-1])) & set(DECISION_HEADERS)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_spoofed_headers_are_stripped(stack, method):
    body = chat(EASY) if method == "POST" else None
    response = stack.client.request(method, "/v1/chat/completions", json=body, headers=SPOOFED)
    assert response.json()["pool"] == "small"
    for name in DECISION_HEADERS:
        assert "9" not in received(response, name)


def test_underscores_are_no_way_around(stack):
    headers = {"x_weighbridge_tier": "large", "x_other": "1"}
    response = stack.client.get("/v1/models", headers=headers)
    assert received(response, "x_weighbridge_tier") == []
    assert response.json()["pool"] == "small"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_spoofed_headers_are_stripped_without_a_router(rig, endpoints, method):
    gone = rig.double("normal")
    gone.kill()
    envoy = rig.envoy(endpoints, [gone.endpoint], fallback_tier="small")
    with client_of(envoy) as client:
        body = chat() if method == "POST" else None
        response = client.request(method, "/v1/chat/completions", json=body, headers=SPOOFED)
    assert decision(response) == ("small", "fail-open")
    assert response.json()["pool"] == "small"
    assert received(response, "x-weighbridge-score") == []
    assert received(response, "x-weighbridge-tier") == ["small"]


def test_client_cannot_order_retries(stack):
    """Else x-envoy-retry-on would have an answer begun several times."""
    before = stack.pools["small"].count()
    orders = {"x-envoy-retry-on": "5xx", "x-envoy-max-retries": "3"}
    assert stack.client.get("/v1/models?status=500", headers=orders).status_code == 500
    assert stack.pools["small"].count() == before + 1


def test_router_may_set_its_own_headers_and_no_others(rig, endpoints):
    envoy = rig.envoy(endpoints, [rig.double("meddling").endpoint])
    with client_of(envoy) as client:
        headers = {"authorization": "Bearer mine"}
        response = client.post("/v1/chat/completions", json=chat(), headers=headers)
    assert decision(response) == ("small", "score")
    assert received(response, "authorization") == ["Bearer mine"]
    assert received(response, "x-other") == []
    assert response.json()["path"] == "/v1/chat/completions"

"""What clients and pools see of a mesh that real istiod made of our charts, by either API."""

import hashlib
import json
from dataclasses import dataclass

import httpx
import pytest
from envoy_rig.requests import EASY, HARD, chat, decision, padded, received
from lab.asking import CHAT, ask, client_of, log_lines, until_answered, until_decided
from lab.stage import by_api, gateway_url, put_back, remove
from weighbridge_lab.installation import INGRESS, until_rolled_out
from weighbridge_lab.lab import MADE_GATEWAY
from weighbridge_lab.pools import POOLS_NAMESPACE, pool

MIB = 1 << 20
LIMIT = 16 * MIB
SPOOFED = {
    "x-weighbridge-tier": "large",
    "x-weighbridge-score": "0.999",
    "x-weighbridge-decile": "9",
    "x-weighbridge-reason": "explicit",
}
ECHOES = ("deployment/echo-small", "deployment/echo-large")
# What each API has its own words for: the gateway that serves, and matches of routes.
APIS = {
    "istio": (
        INGRESS,
        {"match": [{"uri": {"exact": "/ping"}}]},
        {"match": [{"headers": {"x-tenant": {"exact": "acme"}}}]},
    ),
    "gateway-api": (
        MADE_GATEWAY,
        {"matches": [{"path": {"type": "Exact", "value": "/ping"}}]},
        {"matches": [{"headers": [{"name": "x-tenant", "value": "acme"}]}]},
    ),
}


@dataclass(frozen=True)
class Endpoint:
    """A gateway whose pools tell what reached them."""

    lab: object
    url: str
    deployment: str
    client: httpx.Client

    def line(self, request_id):
        """The line of the access log on a request."""
        return until_answered(
            "the line is written", lambda: log_lines(self.lab, self.deployment).get(request_id)
        )


@pytest.fixture(scope="module")
def echoes(lab):
    pools = [*pool("echo-small", "small", echo=True), *pool("echo-large", "large", echo=True)]
    lab.apply(pools)
    yield
    remove(lab, pools)


@pytest.fixture(scope="module", params=list(APIS))
def endpoint(request, lab, echoes):
    """The chart with objects of each API."""
    del echoes
    deployment, ping, acme = APIS[request.param]
    try:
        lab.install_mesh(
            {
                **by_api(request.param),
                "tiers": {"small": {"host": "echo-small"}, "large": {"host": "echo-large"}},
                "routes": {
                    "before": [
                        {"name": "ping", "tier": "small", **ping},
                        {"name": "acme", "tier": "large", **acme},
                    ],
                    "optOut": ["ping"],
                },
            }
        )
        until_rolled_out(lab.cluster, POOLS_NAMESPACE, *ECHOES)
        url = gateway_url(lab, request.param)
        with client_of(url) as client:
            until_answered("pools echo", lambda: _echoed(client) == ["small", "large"], 60.0)
            yield Endpoint(lab, url, deployment, client)
    finally:
        put_back(lab)


@pytest.mark.parametrize(("text", "tier"), [(EASY, "small"), (HARD, "large")], ids=["easy", "hard"])
def test_pool_and_client_are_told_of_the_decision(endpoint, text, tier):
    response = ask(endpoint.client, text)

    assert response.json()["pool"] == tier
    assert decision(response) == (tier, "score")
    for name in ("tier", "score", "reason"):
        header = f"x-weighbridge-{name}"
        assert received(response, header) == [response.headers[header]]
    (decile,) = received(response, "x-weighbridge-decile")
    assert int(decile) == int(float(response.headers["x-weighbridge-score"]) * 10)


@pytest.mark.parametrize("tier", ["small", "large"])
def test_tier_that_is_asked_for_by_name_serves(endpoint, tier):
    response = endpoint.client.post(CHAT, json=chat(model=f"weighbridge/{tier}"))
    assert response.json()["pool"] == tier
    assert decision(response) == (tier, "explicit")


def test_client_s_copies_of_the_decision_do_not_survive(endpoint):
    response = ask(endpoint.client, headers=SPOOFED)

    assert response.json()["pool"] == "small"
    assert received(response, "x-weighbridge-tier") == ["small"]
    assert received(response, "x-weighbridge-score") == [response.headers["x-weighbridge-score"]]
    assert received(response, "x-weighbridge-decile") == ["0"]
    assert received(response, "x-weighbridge-reason") == ["score"]


@pytest.mark.parametrize("spoofed", [{}, SPOOFED], ids=["plain", "spoofed"])
def test_request_without_a_body_goes_to_the_passive_tier(endpoint, spoofed):
    response = endpoint.client.get("/version", headers=spoofed)

    assert response.json()["pool"] == "small"
    assert decision(response) == ("small", "no-body")
    assert "x-weighbridge-score" not in response.headers
    assert received(response, "x-weighbridge-decile") == []


def test_without_a_router_spoofed_headers_lead_no_further(endpoint, no_router):
    del no_router
    client = endpoint.client
    spoofed = {**SPOOFED, "x-weighbridge-tier": "small"}
    until_decided(client, ("large", "fail-open"))

    for response in (ask(client, headers=spoofed), client.get("/version", headers=spoofed)):
        assert response.json()["pool"] == "large"
        assert decision(response) == ("large", "fail-open")
        assert received(response, "x-weighbridge-tier") == ["large"]
        assert received(response, "x-weighbridge-reason") == ["fail-open"]
        assert received(response, "x-weighbridge-score") == []
        assert received(response, "x-weighbridge-decile") == []


def test_models_of_all_tiers_are_listed_and_nobody_is_asked(endpoint):
    response = endpoint.client.get("/v1/models")

    assert response.headers["content-type"] == "application/json"
    assert [each["id"] for each in response.json()["data"]] == [
        "auto",
        "gemma-2-9b-it",
        "llama-3.3-70b-instruct",
    ]
    assert decision(response) == (None, None)


def test_other_methods_and_paths_than_the_list_s_reach_a_pool(endpoint):
    for response in (endpoint.client.post("/v1/models"), endpoint.client.get("/v1/models/auto")):
        assert response.json()["pool"] == "small"


def test_route_that_opted_out_is_not_shown_to_the_router(endpoint):
    response = endpoint.client.get("/ping")

    # A router that was asked would have said why.
    assert decision(response) == ("small", None)
    assert response.json()["path"] == "/ping"
    assert received(response, "x-weighbridge-tier") == ["small"]
    assert received(response, "x-weighbridge-reason") == []


def test_override_is_found_before_the_route_of_the_tier(endpoint):
    response = ask(endpoint.client, headers={"x-tenant": "acme"})

    assert response.json()["pool"] == "large"
    assert decision(response) == ("large", "score")
    assert received(response, "x-weighbridge-tier") == ["large"]


@pytest.mark.parametrize("size", [64 << 10, 3 * MIB, LIMIT])
def test_large_body_arrives_byte_for_byte(endpoint, size):
    body = padded(size)
    response = endpoint.client.post(CHAT, content=body)
    assert response.json()["size"] == size
    assert response.json()["sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_body_over_the_limit_is_refused_in_openai_shape(endpoint, chunked):
    body = padded(LIMIT + 1)
    response = endpoint.client.post(CHAT, content=iter([body]) if chunked else body)

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["code"] == "request_too_large"
    assert "16 MiB (16777216 bytes)" in response.json()["error"]["message"]


def test_events_come_as_they_are_sent(endpoint):
    path = f"{CHAT}?sse=3&gap_ms=1000"
    with endpoint.client.stream("POST", path, json=chat(stream=True)) as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert decision(response) == ("small", "score")
        first = next(response.iter_raw())
        assert b'"n": 0' in first
        assert b'"n": 2' not in first


def test_http2_client_is_routed(endpoint):
    with client_of(endpoint.url, http1=False, http2=True) as client:
        for text, tier in ((EASY, "small"), (HARD, "large")):
            response = ask(client, text)
            assert response.http_version == "HTTP/2"
            assert response.json()["pool"] == tier
        assert client.post(CHAT, content=padded(MIB)).json()["size"] == MIB


def test_slash_too_many_in_the_base_url_is_mended(endpoint):
    response = ask(endpoint.client, HARD, path="/v1//chat/completions")
    assert response.json()["path"] == CHAT
    assert response.json()["pool"] == "large"


def test_escaped_slash_stays_as_the_client_wrote_it(endpoint):
    response = endpoint.client.get("/v1/models/google%2Fgemma")
    assert response.json()["path"] == "/v1/models/google%2Fgemma"


def test_pool_can_not_forge_what_the_client_is_told(endpoint):
    response = endpoint.client.get("/version")
    assert [value for key, value in response.headers.items() if "weighbridge" in key] == [
        "small",
        "no-body",
    ]


def test_client_reads_no_headers_of_envoy_s_own(endpoint):
    assert [key for key in ask(endpoint.client).headers if key.startswith("x-envoy")] == []


def test_request_id_is_kept_and_told(endpoint):
    assert ask(endpoint.client, headers={"x-request-id": "mine"}).headers["x-request-id"] == "mine"
    assert ask(endpoint.client).headers["x-request-id"]


def test_access_log_tells_tier_and_score_and_no_secret(endpoint):
    secret = {"authorization": "Bearer hunter2"}
    response = ask(endpoint.client, HARD, path=f"{CHAT}?key=hunter2", headers=secret)

    line = endpoint.line(response.headers["x-request-id"])

    assert (line["status"], line["path"]) == (200, CHAT)
    assert (line["tier"], line["reason"]) == ("large", "score")
    assert line["score"] == response.headers["x-weighbridge-score"]
    assert int(line["decile"]) == int(float(line["score"]) * 10)
    assert "echo-large" in line["upstream_cluster"]
    assert line["upstream_host"].endswith(":8000")
    assert int(line["router_body_us"]) > 0
    assert "hunter2" not in json.dumps(line)


@pytest.fixture
def no_router(lab):
    """No router at all, for one test."""
    scale = ("scale", "deployment/weighbridge-router", "--namespace=weighbridge")
    lab.kubectl(*scale, "--replicas=0")
    yield
    lab.kubectl(*scale, "--replicas=2")
    lab.until_ready()


def _echoed(client):
    return [ask(client, text).json()["pool"] for text in (EASY, HARD)]

"""Tokens at the gateway: who is let in, and what is told of them to router and pools."""

import json
from dataclasses import dataclass

import httpx
import pytest
from envoy_rig.requests import chat, received
from lab.asking import CHAT, client_of, until_answered
from lab.stage import by_api, gateway_url, pod, put_back, remove, until_pod_is_ready
from weighbridge_lab.installation import until_rolled_out
from weighbridge_lab.issuer import Issuer, unsigned
from weighbridge_lab.pools import POOLS_NAMESPACE, pool
from weighbridge_mesh.filter_chain import FORWARDED_HEADERS

NAMESPACE = "weighbridge"
AUDIENCE = "llm"
ISSUER = Issuer("https://issuer.example.com")
IMPOSTOR = Issuer(ISSUER.name)
ELSEWHERE = Issuer("https://elsewhere.example.com")
BURST = 3
INVALID = (401, "invalid_api_key")
DENIED = (403, "permission_denied")


@dataclass(frozen=True)
class Gate:
    """The gateway, and a router that keeps what it was shown."""

    lab: object
    client: httpx.Client

    def ask(self, token=None, path=CHAT, **headers):
        """Send a prompt, with a token if there is one."""
        said = {"authorization": f"Bearer {token}"} if token else {}
        return self.client.post(path, json=chat(), headers={**said, **headers})

    def shown(self):
        """Headers of all requests that the router was asked about."""
        url = "localhost:9090/seen"
        return json.loads(self.lab.in_pod(NAMESPACE, "double", ["curl", "--silent", url]))


@pytest.fixture(scope="module")
def stage(lab):
    manifests = [*pool("echo", "small", echo=True), *_double()]
    lab.apply(manifests)
    until_rolled_out(lab.cluster, POOLS_NAMESPACE, "deployment/echo")
    until_pod_is_ready(lab, NAMESPACE, "double")
    yield
    remove(lab, manifests)


@pytest.fixture(scope="module", params=["istio", "gateway-api"])
def gate(request, lab, stage):
    del stage
    lab.install_mesh(
        {
            **by_api(request.param),
            "router": {"service": {"name": "double"}},
            "tiers": {"small": {"host": "echo"}},
            "jwt": {
                "enabled": True,
                "issuer": ISSUER.name,
                "jwks": ISSUER.jwks,
                "audiences": [AUDIENCE],
                "claimHeaders": [{"header": "x-tenant", "claim": "tenant"}],
                "exemptPaths": ["/v1/models"],
            },
            "rateLimit": {
                "enabled": True,
                "by": "jwt-claim",
                "key": "sub",
                "burst": BURST,
                "refill": 1,
                "interval": "600s",
            },
        }
    )
    try:
        with client_of(gateway_url(lab, request.param)) as client:
            found = Gate(lab, client)
            until_answered("the gateway asks for tokens", lambda: _is_guarded(found), 60)
            yield found
    finally:
        put_back(lab)


def test_a_good_token_opens_and_goes_no_further(gate):
    answer = gate.ask(good(sub="opens"))

    assert answer.json()["pool"] == "small"
    assert received(answer, "authorization") == []
    assert set(dict(gate.shown()[-1])) <= set(FORWARDED_HEADERS)


@pytest.mark.parametrize(
    ("token", "status", "told"),
    [
        pytest.param(ISSUER.token(aud=AUDIENCE, exp=1), *INVALID, id="expired"),
        pytest.param(ELSEWHERE.token(aud=AUDIENCE), *INVALID, id="of-another-issuer"),
        pytest.param(IMPOSTOR.token(aud=AUDIENCE), *INVALID, id="signed-by-another-key"),
        pytest.param(unsigned(iss=ISSUER.name, aud=AUDIENCE), *INVALID, id="unsigned"),
        pytest.param("sk-1234", *INVALID, id="no-token-at-all"),
        pytest.param(ISSUER.token(aud="other"), *DENIED, id="for-another-audience"),
        pytest.param(ISSUER.token(), *DENIED, id="for-no-audience"),
    ],
)
def test_a_bad_token_is_refused_before_the_router_is_asked(gate, token, status, told):
    before = len(gate.shown())

    answer = gate.ask(token)

    assert (answer.status_code, code(answer)) == (status, told)
    assert len(gate.shown()) == before


@pytest.mark.parametrize(
    "path",
    [
        CHAT,
        "/v1//chat/completions",
        "/v1/models/../chat/completions",
        "/v1/models/%2e%2e/chat/completions",
        "/v1/models%2f..%2fchat/completions",
        "/v1/models;/chat/completions",
        "/v1/models/",
        "/V1/MODELS",
    ],
)
def test_no_token_and_no_way_around_it(gate, path):
    before = len(gate.shown())

    answer = gate.ask(path=httpx.URL(raw_path=path.encode()))

    assert (answer.status_code, code(answer)) == DENIED
    assert len(gate.shown()) == before


def test_an_exempt_path_needs_no_token(gate):
    assert gate.client.get("/v1/models").json()["object"] == "list"


def test_an_exempt_path_does_not_take_a_bad_one(gate):
    answer = gate.client.get("/v1/models", headers={"authorization": "Bearer sk-1234"})
    assert answer.status_code == httpx.codes.UNAUTHORIZED


@pytest.mark.parametrize(("claims", "told"), [({"tenant": "acme"}, ["acme"]), ({}, [])])
def test_a_tenant_is_what_the_token_says_and_not_the_client(gate, claims, told):
    answer = gate.ask(good(sub=f"tenant-{told}", **claims), **{"x-tenant": "forged"})
    assert received(answer, "x-tenant") == told


def test_one_client_s_excess_is_refused_and_no_other_client_feels_it(gate):
    greedy = good(sub="greedy")
    answers = [gate.ask(greedy) for _ in range(BURST)]
    asked = len(gate.shown())

    refused = gate.ask(greedy)

    assert [answer.status_code for answer in answers] == [200] * BURST
    assert (refused.status_code, code(refused)) == (429, "rate_limit_exceeded")
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert len(gate.shown()) == asked
    assert gate.ask(good(sub="modest")).status_code == httpx.codes.OK


def good(**claims):
    return ISSUER.token(aud=AUDIENCE, **claims)


def code(answer):
    """The code of an OpenAI-shaped error."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["code"]


def _is_guarded(gate):
    # Answers of both: refused without a token, and with one led by the double to the echo.
    if gate.ask().status_code != httpx.codes.FORBIDDEN:
        return False
    answer = gate.ask(good(sub="waiting"))
    return answer.status_code == httpx.codes.TOO_MANY_REQUESTS or "pool" in answer.json()


def _double():
    labels = {"app": "double"}
    ports = [{"name": "grpc-ext-proc", "port": 9002}, {"name": "http-seen", "port": 9090}]
    container = {
        "image": "weighbridge-router-double:lab",
        "args": ["normal", "9002", "9090", "0.0.0.0"],
        "readinessProbe": {
            "httpGet": {"path": "/seen", "port": 9090},
            "periodSeconds": 1,
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "double", "namespace": NAMESPACE},
        "spec": {"selector": labels, "ports": ports},
    }
    return [service, pod("double", NAMESPACE, container, labels=labels)]

"""A bucket per client, for whichever way clients are told apart."""

import pytest
from lab.stage import pod_address, put_back
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.pools import POOLS_NAMESPACE
from weighbridge_lab.waiting import until

BURST = 3
SLOW = {"burst": BURST, "refill": 1, "interval": "600s"}
MODELS = "/v1/models"


@pytest.fixture
def limit(lab, client):
    """Turn a limit on, and wait until it holds."""

    def install(**how):
        lab.install_mesh({"rateLimit": {"enabled": True, **SLOW, **how}})
        until(
            "requests are counted",
            lambda: "x-ratelimit-limit" in client.get(MODELS, headers={"x-client": "w"}).headers,
        )

    yield install
    put_back(lab)


@pytest.fixture
def callers(lab):
    """Two pods that call the gateway, each from an address of its own."""
    url = f"http://{pod_address(lab, INGRESS, *lab.pods(INGRESS, INGRESS))}{MODELS}"
    names = [lab.pods(POOLS_NAMESPACE, pool)[0] for pool in ("gemma-small", "llama-large")]
    status = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}")

    def caller(name):
        return lambda *words: lab.in_pod(POOLS_NAMESPACE, name, [*status, url, *words])

    return [caller(name) for name in names]


def test_an_address_has_its_own_bucket_and_can_not_claim_another(limit, callers):
    limit(by="address")
    greedy, modest = callers

    assert [greedy() for _ in range(BURST + 1)] == ["200"] * BURST + ["429"]

    assert greedy("--header", "x-forwarded-for: 198.51.100.7") == "429"
    assert modest() == "200"


def test_a_header_has_its_own_bucket_and_those_without_share_one(limit, client):
    limit(by="header", key="x-client")

    def ask(**headers):
        return client.get(MODELS, headers={"x-client": headers["name"]} if headers else {})

    for headers in ({"name": "greedy"}, {}):
        statuses = [ask(**headers).status_code for _ in range(BURST + 1)]
        assert statuses == [200] * BURST + [429]
    assert ask(name="modest").status_code == 200

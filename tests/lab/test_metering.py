"""Tokens counted in the mesh: the gateway's receipts say what the pools' own counters say."""

import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest
from envoy_rig.expositions import total
from envoy_rig.requests import EASY, HARD, chat
from lab.asking import CHAT, client_of, log_lines, until_answered
from lab.stage import by_api, gateway_url, put_back
from weighbridge_lab.errors import LabError
from weighbridge_lab.installation import INGRESS, until_rolled_out
from weighbridge_lab.issuer import Issuer
from weighbridge_lab.lab import MADE_GATEWAY
from weighbridge_lab.pools import POOLS_NAMESPACE
from weighbridge_lab.waiting import until

NAMESPACE = "weighbridge"
METER = "deployment/weighbridge-router-meter"
POOLS = {"small": "gemma-small", "large": "llama-large"}
GATEWAYS = {"istio": INGRESS, "gateway-api": MADE_GATEWAY}
RECEIPTS = "access_logs.open_telemetry_access_log.weighbridge_meter.logs_"
METERED = {"metering": {"enabled": True, "user": {"by": "header", "key": "x-user"}}}
AT_ONCE = 8
FLUSH_S = 1.5
"""The gateway's receipts wait a second for others."""
KINDS = ("prompt", "completion")


@dataclass(frozen=True)
class Metered:
    """A gateway that sends receipts, its meter and the pools."""

    lab: object
    client: httpx.Client
    gateway: str

    def counted(self, name, **labels):
        """Sum of a counter of the meter's, over its series with these labels."""
        (pod,) = self.lab.pods(NAMESPACE, "weighbridge-meter")
        return total(_scrape(self.lab, NAMESPACE, pod, 9091), f"weighbridge_{name}_total", **labels)

    def requests(self):
        """Requests that the meter has heard of."""
        return self.counted("metered_requests") + self.counted("unmetered_requests")

    def tokens(self, **labels):
        """Tokens of prompts and answers that the meter counted."""
        return [self.counted("tokens", kind=kind, **labels) for kind in KINDS]

    def of_the_pool(self, tier):
        """Tokens of prompts and answers that a tier's pool itself counted."""
        (pod,) = self.lab.pods(POOLS_NAMESPACE, POOLS[tier])
        text = _scrape(self.lab, POOLS_NAMESPACE, pod, 8000)
        return [total(text, f"vllm:{kind}_tokens_total") for kind in ("prompt", "generation")]

    def receipts(self, what):
        """Receipts that the gateway has written or dropped."""
        stats = self.lab.ask_envoy("/stats")
        named = dict(line.split(": ", 1) for line in stats.splitlines() if ": " in line)
        return int(named.get(RECEIPTS + what, 0))

    def until_quiet(self):
        """Wait until no receipt of what was asked before is under way."""

        def heard_nothing():
            before = self.requests()
            time.sleep(FLUSH_S)
            return self.requests() == before

        until("no more receipts arrive", heard_nothing)

    def ask(self, text=EASY, headers=None, **fields):
        """Send a prompt, and wait until the meter has heard of it."""
        before = self.requests()
        answer = self.client.post(CHAT, json=chat(text, max_tokens=4, **fields), headers=headers)
        until("the receipt arrives", lambda: self.requests() == before + 1)
        return answer


@pytest.fixture(scope="module")
def meter(lab):
    lab.install_router({"meter": {"enabled": True, "users": 2}})
    until_rolled_out(lab.cluster, NAMESPACE, METER)
    yield
    lab.install_router(force=True)


# What is asked of Envoy itself: Istio keeps these counters if the gateway's chart says so, and the
# Gateway API's gateway has none.
ENVOYS = pytest.mark.parametrize("metered", ["istio"], indirect=True)


@pytest.fixture(scope="module", params=list(GATEWAYS))
def metered(request, lab, meter):
    del meter
    lab.install_mesh({**by_api(request.param), **METERED})
    try:
        with client_of(gateway_url(lab, request.param)) as client:
            found = Metered(lab, client, GATEWAYS[request.param])
            until_answered("a receipt arrives", lambda: _is_counted(found), 60)
            found.until_quiet()
            yield found
    finally:
        put_back(lab)


def test_what_the_meter_counts_is_what_the_pools_count(metered):
    heard, counted = metered.requests(), {tier: metered.tokens(tier=tier) for tier in POOLS}
    told = {tier: metered.of_the_pool(tier) for tier in POOLS}
    bodies = list(itertools.islice(itertools.cycle(_bodies()), 96))
    with ThreadPoolExecutor(AT_ONCE) as side:
        statuses = list(side.map(lambda body: metered.client.post(CHAT, json=body), bodies))
    until("all receipts arrive", lambda: metered.requests() == heard + len(bodies))

    assert {answer.status_code for answer in statuses} == {200}
    for tier in POOLS:
        pools = _gained(metered.of_the_pool(tier), told[tier])
        assert _gained(metered.tokens(tier=tier), counted[tier]) == pools
        assert min(pools) > 0


def test_a_stream_whose_client_asks_for_no_usage_is_estimated_and_said_to_be(metered):
    known, unknown = metered.tokens(), metered.counted("unmetered_requests", reason="no-usage")
    estimated = metered.counted("estimated_tokens", kind="completion")

    metered.ask(stream=True)

    assert metered.tokens() == known
    assert metered.counted("unmetered_requests", reason="no-usage") == unknown + 1
    assert metered.counted("estimated_tokens", kind="completion") > estimated


def test_tokens_are_billed_to_the_team_and_user_that_headers_name(metered):
    before = metered.tokens(team="search")

    metered.ask(headers={"x-team": "search", "x-user": "kim"})

    assert min(_gained(metered.tokens(team="search"), before)) > 0
    assert metered.counted("user_tokens", user="kim") > 0
    assert metered.counted("cost_dollars", team="search", basis="reported") > 0


def test_the_access_log_is_still_written(metered):
    answer = metered.ask()
    asked = answer.headers["x-request-id"]
    until("the line is there", lambda: asked in log_lines(metered.lab, metered.gateway))


@ENVOYS
def test_a_meter_that_is_gone_costs_receipts_and_no_request(metered):
    metered.lab.kubectl("scale", METER, "--replicas=0", "--namespace", NAMESPACE)
    try:
        until("it is gone", lambda: not metered.lab.pods(NAMESPACE, "weighbridge-meter"))
        dropped = metered.receipts("dropped")

        def lost():
            assert metered.client.post(CHAT, json=chat(max_tokens=2)).status_code == httpx.codes.OK
            return metered.receipts("dropped") > dropped

        until("Envoy counts what it dropped", lost)
    finally:
        metered.lab.kubectl("scale", METER, "--replicas=1", "--namespace", NAMESPACE)
        until_rolled_out(metered.lab.cluster, NAMESPACE, METER)
    until_answered("receipts arrive again", lambda: _is_counted(metered), 60)
    metered.until_quiet()


@ENVOYS
def test_envoy_is_told_to_give_up_on_a_meter_that_hangs(metered):
    dump = json.loads(metered.lab.ask_envoy("/config_dump"))
    (cluster,) = (
        each["cluster"]
        for part in dump["configs"]
        for each in part.get("dynamic_active_clusters", [])
        if each["cluster"]["name"].startswith("outbound|9003||weighbridge-router-meter.")
    )
    (protocol,) = cluster["typed_extension_protocol_options"].values()
    http2 = protocol["explicit_http_config"]["http2_protocol_options"]
    first, *_ = cluster["circuit_breakers"]["thresholds"]

    assert http2["connection_keepalive"] == {"interval": "5s", "timeout": "5s"}
    assert first["max_requests"] == 64


def test_the_team_of_a_token_can_not_be_forged(lab, meter, client):
    del meter
    issuer = Issuer("https://issuer.example.com")
    jwt = {"enabled": True, "issuer": issuer.name, "jwks": issuer.jwks}
    lab.install_mesh(
        {"jwt": jwt, "metering": {"enabled": True, "team": {"by": "jwt-claim", "key": "team"}}}
    )
    try:
        metered = Metered(lab, client, INGRESS)
        until_answered("tokens are asked for", lambda: client.post(CHAT).status_code == 403, 60)
        token = {"authorization": f"Bearer {issuer.token(team='blue')}", "x-team": "forged"}

        def is_billed():
            # Who may pass is known before whose tokens are good.
            client.post(CHAT, json=chat(max_tokens=4), headers=token)
            return min(metered.tokens(team="blue")) > 0

        until_answered("the team is billed", is_billed, 60)
        assert metered.tokens(team="forged") == [0, 0]
    finally:
        put_back(lab)


def _bodies():
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    for text, most in itertools.product((EASY, HARD), (3, 9)):
        yield chat(text, max_tokens=most)
        yield chat(text, max_tokens=most, **usage)


def _gained(now, before):
    return [a - b for a, b in zip(now, before, strict=True)]


def _scrape(lab, namespace, pod, port):
    return lab.in_pod(namespace, pod, ["curl", "--silent", "--fail", f"localhost:{port}/metrics"])


def _is_counted(metered):
    try:
        before = metered.requests()
        metered.client.post(CHAT, json=chat(max_tokens=2))
        until("it is counted", lambda: metered.requests() > before, timeout_s=5)
    except LabError:
        return False
    return True

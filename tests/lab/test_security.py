"""Identities: pools and router with real sidecars, and who gets through to them.

A second set of pool and router, in a namespace of its own whose pods istiod's webhook gives native
sidecars. The chart's policies for it are those that an install has by default.
"""

import json
from dataclasses import dataclass

import httpx
import pytest
from envoy_rig.expositions import total
from envoy_rig.requests import decision, received
from lab.asking import CHAT, ask, client_of, until_answered
from lab.containers import holds
from lab.stage import (
    by_api,
    gateway_url,
    idle,
    pod,
    pod_address,
    put_back,
    remove,
    until_pod_is_ready,
)
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import INGRESS, ROUTER_CHART, install, until_rolled_out
from weighbridge_lab.lab import CONFIG_DUMP, ROUTER_VALUES
from weighbridge_lab.pools import POOLS_NAMESPACE, pool
from weighbridge_lab.waiting import until

GUARDED = "guarded"
POOL = f"small.{GUARDED}.svc.cluster.local"
ROUTER = f"{GUARDED}-weighbridge-router"
ROUTER_HOST = f"{ROUTER}.{GUARDED}.svc.cluster.local"
METER = f"{ROUTER}-meter"
METER_HOST = f"{METER}.{GUARDED}.svc.cluster.local"
HEALTH = "/grpc.health.v1.Health/Check"
GATEWAYS = {
    "istio": "spiffe://cluster.local/ns/istio-ingress/sa/istio-ingress",
    "gateway-api": "spiffe://cluster.local/ns/istio-ingress/sa/weighbridge-mesh-istio",
}
"""Identity of the gateway that serves by the objects of each API."""

SCRAPERS = "scrapers"
SCRAPER = (SCRAPERS, "scraper")
NEIGHBOUR = (INGRESS, "neighbour")
STRANGERS = [NEIGHBOUR, SCRAPER]
"""Pods with a sidecar, so with an identity, that is not the gateway's; one in its namespace."""

DENIED = ("403", "RBAC: access denied")

MESH = {
    "tiers": {"small": {"host": "small", "namespace": GUARDED}},
    "router": {
        "service": {"name": ROUTER, "namespace": GUARDED},
        "selector": {
            "app.kubernetes.io/name": "weighbridge-router",
            "app.kubernetes.io/instance": GUARDED,
        },
    },
    "metering": {"enabled": True, "service": {"name": METER, "namespace": GUARDED}},
    "authorization": {"metricsNamespaces": [SCRAPERS]},
}
ROUTER_INSTALL = {"istio": {"inject": True}, "replicas": 1, "meter": {"enabled": True}}


@dataclass(frozen=True)
class Guarded:
    """The guarded pool, router and meter, and the gateway that is let through to them."""

    lab: object
    client: httpx.Client
    identity: str
    pool: str
    router: str
    meter: str

    def address(self, what):
        """Address of the pool's, the router's or the meter's pod."""
        return pod_address(self.lab, GUARDED, getattr(self, what))

    def ask_in_plain_text(self, url):
        """Ask from a pod without a proxy; status and answer."""
        (plain,) = self.lab.pods(POOLS_NAMESPACE, "llama-large")
        return self._ask(POOLS_NAMESPACE, plain, "--path-as-is", url)

    def ask_as(self, stranger, url, host, *words):
        """Ask from a stranger's pod by way of its proxy; status and answer."""
        return self._ask(*stranger, "--header", f"host: {host}", *words, url)

    def told(self, what):
        """All that istiod told the proxy of the pool or the router, by kind."""
        dump = json.loads(self.lab.in_pod(GUARDED, getattr(self, what), CONFIG_DUMP))
        return {part["@type"].rpartition(".")[2]: part for part in dump["configs"]}

    def _ask(self, namespace, pod, *words):
        asked = ("curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *words)
        answer, _, status = self.lab.in_pod(namespace, pod, asked).rpartition("\n")
        return status, answer


@pytest.fixture(scope="module")
def stage(lab):
    lab.apply(_stage())
    values = (ROUTER_VALUES, ROUTER_INSTALL)
    install(lab.cluster, GUARDED, ROUTER_CHART, GUARDED, *values)
    guarded = (f"deployment/{name}" for name in ("small", ROUTER, METER))
    until_rolled_out(lab.cluster, GUARDED, *guarded)
    for namespace, name in STRANGERS:
        until_pod_is_ready(lab, namespace, name)
    yield
    remove(lab, _stage())


@pytest.fixture(scope="module", params=list(GATEWAYS))
def guarded(request, lab, stage):
    del stage
    lab.install_mesh({**MESH, **by_api(request.param)})
    names = ("small", "weighbridge-router", "weighbridge-meter")
    pods = [pod for name in names for pod in lab.pods(GUARDED, name)]
    try:
        with client_of(gateway_url(lab, request.param)) as client:
            until_answered("the guarded pool answers", lambda: "pool" in ask(client).json(), 60)
            yield Guarded(lab, client, GATEWAYS[request.param], *pods)
    finally:
        put_back(lab)


def test_the_gateway_gets_through_and_the_pool_knows_who_it_is(guarded):
    answer = ask(guarded.client, headers={"x-forwarded-client-cert": "URI=forged"})
    assert decision(answer) == ("small", "score")
    (told,) = received(answer, "x-forwarded-client-cert")
    assert told.split("URI=")[1:] == [guarded.identity]


@pytest.mark.parametrize(("what", "port"), [("pool", 8000), ("router", 9002), ("meter", 9003)])
def test_nobody_gets_through_in_plain_text(guarded, what, port):
    with pytest.raises(CommandError, match="Connection reset by peer"):
        guarded.ask_in_plain_text(f"{guarded.address(what)}:{port}/health")


def test_probes_need_no_identity_and_get_an_answer_about_health_alone(guarded):
    address = guarded.address("pool")
    assert guarded.ask_in_plain_text(f"{address}:15020/app-health/vllm/readyz") == ("200", "")
    status, _ = guarded.ask_in_plain_text(f"{address}:15020/app-health/vllm/v1/models")
    assert status == "400"


def test_metrics_of_the_router_are_open_to_whom_the_network_lets_in(guarded):
    status, text = guarded.ask_in_plain_text(f"{guarded.address('router')}:9090/metrics")
    assert status == "200"
    assert "weighbridge_decisions_total" in text


def test_receipts_of_the_gateway_get_through_to_the_meter(guarded):
    def heard():
        status, text = guarded.ask_in_plain_text(f"{guarded.address('meter')}:9091/metrics")
        assert status == "200"
        return total(text, "weighbridge_unmetered_requests_total", tier="small")

    before = heard()
    ask(guarded.client)

    until("receipts are counted", lambda: heard() > before)


@pytest.mark.parametrize("stranger", STRANGERS)
def test_another_identity_is_refused_by_the_pool(guarded, stranger):
    asked = guarded.ask_as(stranger, f"127.0.0.1:8000{CHAT}", POOL, "--data", "{}")
    assert asked == DENIED


@pytest.mark.parametrize(("port", "host"), [(9002, ROUTER_HOST), (9003, METER_HOST)])
@pytest.mark.parametrize("stranger", STRANGERS)
def test_another_identity_is_refused_by_router_and_meter(guarded, stranger, port, host):
    call = ("--header", "content-type: application/grpc", "--data-binary", "")
    wire = ("--http2-prior-knowledge", "--dump-header", "-")
    _, said = guarded.ask_as(stranger, f"127.0.0.1:{port}{HEALTH}", host, *wire, *call)
    assert "grpc-status: 7" in said
    assert "grpc-message: RBAC: access denied" in said


def test_a_named_namespace_reads_metrics_of_a_pool(guarded):
    status, said = guarded.ask_as(SCRAPER, "127.0.0.1:8000/metrics", POOL)
    assert status == "200"
    assert json.loads(said)["path"] == "/metrics"


@pytest.mark.parametrize(
    ("stranger", "method", "path"),
    [
        (SCRAPER, "POST", "/metrics"),
        (SCRAPER, "GET", "/v1/models"),
        (SCRAPER, "GET", "/metrics/../v1/models"),
        (NEIGHBOUR, "GET", "/metrics"),
    ],
)
def test_it_reads_nothing_else_and_no_other_namespace_does(guarded, stranger, method, path):
    words = ("--request", method, "--path-as-is")
    assert guarded.ask_as(stranger, f"127.0.0.1:8000{path}", POOL, *words) == DENIED


def test_a_pools_proxy_knows_nothing_beyond_its_own_namespace(guarded):
    told = guarded.told("pool")
    clusters = told["ClustersConfigDump"]["dynamic_active_clusters"]
    names = [one["cluster"]["name"].split("|") for one in clusters]
    hosts = {name[-1] for name in names if name[0] == "outbound"}
    assert {host.split(".")[1] for host in hosts} == {GUARDED, "istio-system"}
    assert "llama-large" not in json.dumps(told["RoutesConfigDump"])


def test_a_pools_proxy_lets_nothing_out_that_it_does_not_know(guarded):
    listeners = guarded.told("pool")["ListenersConfigDump"]["dynamic_listeners"]
    (outbound,) = [one for one in listeners if one["name"] == "virtualOutbound"]
    *_, last = outbound["active_state"]["listener"]["filter_chains"]
    assert "BlackHoleCluster" in json.dumps(last)


def test_the_proxys_token_is_for_istiod_and_the_router_has_none(lab, guarded):
    token = "/var/run/secrets/tokens/istio-token"
    assert holds(lab, GUARDED, guarded.router, "istio-proxy", token)
    assert not holds(lab, GUARDED, guarded.router, "weighbridge-router", token)


def _stage():
    return [
        _namespace(GUARDED),
        _namespace(SCRAPERS),
        *pool("small", "small", echo=True, namespace=GUARDED),
        *(part for namespace, name in STRANGERS for part in _stranger(namespace, name)),
    ]


def _namespace(name):
    labels = {"istio-injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _stranger(namespace, name):
    """A pod whose proxy is asked on loopback, since only what comes in is captured in the lab."""
    labels = {"app": name, "sidecar.istio.io/inject": "true"}
    doors = [(8000, "HTTP", POOL), (9002, "GRPC", ROUTER_HOST), (9003, "GRPC", METER_HOST)]
    sidecar = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "workloadSelector": {"labels": {"app": name}},
            "egress": [
                {
                    "port": {"number": port, "protocol": protocol, "name": protocol.lower()},
                    "bind": "127.0.0.1",
                    "captureMode": "NONE",
                    "hosts": [f"*/{host}"],
                }
                for port, protocol, host in doors
            ],
        },
    }
    return [sidecar, pod(name, namespace, idle(), labels=labels)]

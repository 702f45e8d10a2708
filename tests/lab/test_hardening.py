"""What Kubernetes itself holds the router to: admission, disruption, credentials."""

import json

import pytest
from lab.containers import holds
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import ROUTER_CHART, install
from weighbridge_lab.lab import ROUTER_VALUES
from weighbridge_lab.waiting import until

NAMESPACE = "weighbridge"
ROUTER = "weighbridge-router"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


@pytest.fixture
def hostile(lab):
    """A release of the router's chart that asks for a folder of the node's."""
    host_path = {"name": "node", "hostPath": {"path": "/"}}
    values = {"replicas": 1, "extraVolumes": [host_path]}
    install(lab.cluster, "hostile", ROUTER_CHART, NAMESPACE, ROUTER_VALUES, values)
    yield f"hostile-{ROUTER}"
    lab.cluster.run("helm", "uninstall", "hostile", "--namespace", NAMESPACE)


def test_a_value_that_breaks_the_restricted_standard_gets_no_pod(lab, hostile):
    def refusal():
        conditions = lab.get("deployment", hostile, NAMESPACE)["status"].get("conditions", [])
        return next((c["message"] for c in conditions if c["type"] == "ReplicaFailure"), None)

    said = until("a pod is refused", refusal)

    assert 'violates PodSecurity "restricted' in said
    assert 'volume "node" uses restricted volume type "hostPath"' in said
    assert lab.get("deployment", hostile, NAMESPACE)["status"].get("replicas", 0) == 0


def test_only_one_router_may_be_evicted_at_a_time(lab):
    first, second = lab.pods(NAMESPACE, ROUTER)
    try:
        evict(lab, first)
        with pytest.raises(CommandError, match="would violate the pod's disruption budget"):
            evict(lab, second)
    finally:
        lab.until_ready()

    assert second in lab.pods(NAMESPACE, ROUTER)


def test_a_router_has_no_token_of_the_api_servers(lab):
    (istiod,) = lab.pods("istio-system", "istiod")
    assert holds(lab, "istio-system", istiod, "discovery", TOKEN)
    for router in lab.pods(NAMESPACE, ROUTER):
        assert not holds(lab, NAMESPACE, router, ROUTER, TOKEN)


def evict(lab, pod):
    """Ask for an eviction as `kubectl drain` does."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": NAMESPACE},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    lab.kubectl("create", "--raw", path, "--filename", "-", text=json.dumps(eviction))

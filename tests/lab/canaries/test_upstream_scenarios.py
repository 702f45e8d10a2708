"""What upstream's own tests of Istio's traffic routing ask, asked of this mesh and this Argo.

So that an upgrade of Argo Rollouts or of Istio is judged here before anybody's rollout is. Steps
and weights stand in test_healthy_canaries, aborts in test_interruptions; here the subsets' labels,
the route of testers and the mirror.
"""

import json

from envoy_rig.requests import chat
from lab.canaries.test_healthy_canaries import assert_promoted
from weighbridge_lab.canaries import POOLS
from weighbridge_lab.gatewaylog import requests
from weighbridge_lab.waiting import until

CHAT = "/v1/chat/completions"
SMALL = POOLS["small"]
TESTERS = {"x-weighbridge-canary": "small"}
_HASH = "rollouts-pod-template-hash"


def subsets(lab):
    """Hash by subset, as the small pool's DestinationRule has it."""
    rule = lab.get("destinationrule", "weighbridge-mesh-small", "llm")
    return {each["name"]: each["labels"][_HASH] for each in rule["spec"]["subsets"]}


def routes(lab):
    """Names of the VirtualService's routes, in their order."""
    virtual_service = lab.get("virtualservice", "weighbridge-mesh", "istio-ingress")
    return [route.get("name") for route in virtual_service["spec"]["http"]]


def answered(lab, pod):
    """Requests that a pod's vLLM has finished."""
    text = lab.in_pod("llm", pod, ["curl", "--silent", "--fail", "localhost:8000/metrics"])
    lines = [line for line in text.splitlines() if line.startswith("vllm:request_success_total")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_testers_reach_the_canary_before_it_has_a_weight_and_subsets_carry_hashes(
    lab, client, act, rollouts
):
    before = routes(lab)
    rollouts({"defaults": {"testersPause": "8s"}})
    with act("healthy, testers before the first weight", rate=20) as running:
        change = running.change
        until("the testers' route is there", lambda: routes(lab)[0] == "canary-small")
        until("it leads to the canary", lambda: asked_canary(lab, client, change))
        assert change.weight == 0
        tried = change.servers()
        change.until_weight(20)
        # The pod that was tried has the weight, not a cold one in its place.
        assert change.servers() == tried
        assert subsets(lab) == {"stable": change.stable, "canary": change.revision}
        change.until_promoted(150)
    assert_promoted(running)
    assert subsets(lab) == {"stable": change.revision, "canary": change.revision}
    assert routes(lab) == before
    # Whoever still sends the header is a client like any other.
    assert client.post(CHAT, json=chat(max_tokens=2), headers=TESTERS).status_code == 200
    # Before the first weight nobody else has reached it.
    first = change.weights()[1].at
    early = [request for request in change.requests() if request.at < first]
    assert not {request.server for request in early} & change.servers()


def asked_canary(lab, client, change):
    """Ask as a tester; whether a pod of the new version had the request."""
    client.post(CHAT, json=chat(max_tokens=2), headers=TESTERS).raise_for_status()
    logged = requests(lab.cluster.layout, change.began)
    return [r for r in logged if r.route == "canary-small" and r.server in change.servers()]


def test_mirror_gives_the_canary_copies_and_clients_stables_answers(lab, act, rollouts):
    rollouts({"defaults": {"mirror": {"percentage": 100, "pause": "4s"}}})
    with act("healthy, mirrored before the first weight") as running:
        change = running.change
        until("the mirror's route is there", lambda: "mirror-small" in routes(lab))
        pod = until("the canary's pod is there", lambda: canary_pods(lab, change))[0]
        until("it answers copies", lambda: answered(lab, pod) > 10)
        assert change.weight == 0
        change.until_promoted(150)
    assert_promoted(running)
    assert "mirror-small" not in routes(lab)
    first = change.weights()[1].at
    early = [request for request in change.requests() if request.at < first]
    assert early
    assert not {request.server for request in early} & change.servers()


def canary_pods(lab, change):
    """Pods of the new version."""
    selector = f"--selector={_HASH}={change.revision}"
    listed = lab.kubectl("get", "pods", selector, "--namespace=llm", "--output=json")
    return [pod["metadata"]["name"] for pod in json.loads(listed)["items"]]

"""The router as a container of the real gateway's pod, put there by the values of our chart."""

import json
import time

import pytest
import yaml
from charts.rendering import ROUTER_CHART
from envoy_rig.requests import EASY, HARD, chat, decision
from weighbridge_lab.installation import INGRESS, LAB, install, until_rolled_out
from weighbridge_lab.module_files import module_files
from weighbridge_lab.tools import project_toolbox

CHAT = "/v1/chat/completions"
RELEASE = "weighbridge-router"
EFFECT_S = 15
GATEWAY_VALUES = LAB / "values" / "gateway.yaml"
LAB_TIERS = yaml.safe_load((LAB / "values" / "router.yaml").read_text(encoding="utf-8"))["settings"]


def _install_router(lab, **policy):
    values = {
        "mode": "sidecar",
        "image": {"tag": "lab"},
        "settings": {**LAB_TIERS, "policy": policy},
    }
    install(lab.cluster, RELEASE, ROUTER_CHART, INGRESS, values)


def _gateway_values(lab):
    config = lab.get("configmap", f"{RELEASE}-gateway-values", INGRESS)
    return yaml.safe_load(config["data"]["values.yaml"])


def _install_gateway(lab, *values):
    chart = module_files(project_toolbox()).istio_gateway
    install(lab.cluster, INGRESS, chart, INGRESS, GATEWAY_VALUES, *values)
    until_rolled_out(lab.cluster, INGRESS, f"deployment/{INGRESS}")


@pytest.fixture(scope="module")
def pod(lab):
    """Name of the gateway's pod, while the router is in it."""
    _install_router(lab)
    _install_gateway(lab, _gateway_values(lab))
    lab.install_mesh({"router": {"mode": "sidecar"}})
    (name,) = lab.pods(INGRESS, INGRESS)
    yield name
    lab.cluster.run("helm", "uninstall", RELEASE, "--namespace", INGRESS)
    _install_gateway(lab)
    lab.install_mesh()


def _until(client, text, expected):
    """Ask until the decision is the expected one; the last one is given back."""
    end = time.monotonic() + EFFECT_S
    while True:
        told = decision(client.post(CHAT, json=chat(text, max_tokens=4)))
        if told == expected or time.monotonic() > end:
            return told
        time.sleep(0.1)


def _router(lab, pod):
    """Status of the router's container."""
    listed = json.loads(lab.kubectl("get", "pod", pod, "--namespace", INGRESS, "--output", "json"))
    return listed["status"]["initContainerStatuses"][0]


def _decided(lab, pod):
    """Requests that the router in the pod has decided."""
    scraped = lab.in_pod(INGRESS, pod, ["curl", "--silent", "--fail", "localhost:9090/metrics"])
    counts = [line for line in scraped.splitlines() if line.startswith("weighbridge_decisions")]
    return sum(float(line.rpartition(" ")[2]) for line in counts)


@pytest.mark.parametrize(("text", "tier"), [(EASY, "small"), (HARD, "large")], ids=["easy", "hard"])
def test_the_router_in_the_pod_decides(lab, pod, client, text, tier):
    assert _until(client, text, (tier, "score")) == (tier, "score")
    before = _decided(lab, pod)

    assert decision(client.post(CHAT, json=chat(text, max_tokens=4))) == (tier, "score")

    assert _decided(lab, pod) == before + 1


def test_a_new_threshold_takes_effect_without_a_restart(lab, pod, client):
    _install_router(lab, threshold=0.0)
    try:
        assert _until(client, EASY, ("large", "score")) == ("large", "score")
    finally:
        _install_router(lab)

    assert _until(client, EASY, ("small", "score")) == ("small", "score")
    assert lab.pods(INGRESS, INGRESS) == [pod]
    assert _router(lab, pod)["restartCount"] == 0


def test_what_is_read_again_leaves_the_gateways_values_as_they_are(lab, pod):
    del pod
    before = _gateway_values(lab)
    _install_router(lab, threshold=0.9)
    try:
        assert _gateway_values(lab) == before
    finally:
        _install_router(lab)

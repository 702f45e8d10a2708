"""Pools of models/chart on a real scheduler and real controllers, the simulator in vLLM's place."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from charts.rendering import MODELS_CHART, render, scenarios
from envoy_rig.requests import chat, decision
from lab.containers import holds
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import INGRESS, LAB, install, until_rolled_out
from weighbridge_lab.waiting import until

LLM = "llm"
TRIED = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
VALUES = LAB / "values" / "pool.yaml"
GEMMA = {"model": "gemma-2-9b-it", "precision": "fp8"}
LLAMA = {
    "model": "llama-3.3-70b-instruct",
    "precision": "fp8",
    "gpu": {"type": "nvidia-h100-80gb", "count": 2},
    "vllm": {"maxModelLen": 32768},
}
SLOW_START = {"vllm": {"extraArgs": ["--ttft-ms=4000"]}}
EASY = {"url": "/v1/chat/completions", "json": chat()}
NOBODY = httpx.codes.SERVICE_UNAVAILABLE
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


@pytest.fixture
def pool(lab):
    """Install a pool by its chart, for one test."""
    installed = []

    def put(name, *values, wait=True):
        installed.append(name)
        install(lab.cluster, name, MODELS_CHART, LLM, VALUES, *values)
        if wait:
            until_rolled_out(lab.cluster, LLM, f"deployment/{name}")
        return name

    yield put
    for name in dict.fromkeys(installed):
        lab.cluster.run("helm", "uninstall", name, "--namespace", LLM, "--ignore-not-found")
        until("its pods are gone", lambda name=name: lab.pods(LLM, name) == [])


@pytest.mark.parametrize("scenario", scenarios(MODELS_CHART))
def test_every_object_of_a_scenario_is_accepted(lab, scenario):
    rendering = render(MODELS_CHART, scenarios(MODELS_CHART)[scenario], name="tried")

    told = lab.kubectl(*TRIED, "-f", "-", text=rendering.text)

    assert told.count("serverside-applied") == len(rendering.documents)


@pytest.mark.parametrize(
    ("values", "node"), [(GEMMA, "gpu-small-a"), (LLAMA, "gpu-large-a")], ids=["small", "large"]
)
def test_a_pod_runs_on_a_node_with_its_gpu(lab, pool, values, node):
    name = pool("placed", values)

    (pod,) = lab.pods(LLM, name)

    assert lab.get("pod", pod, LLM)["spec"]["nodeName"] == node


def test_a_pod_waits_where_no_node_has_its_gpu(lab, pool):
    name = pool("placed", {**GEMMA, "gpu": {"type": "nvidia-l40s"}}, wait=False)

    def refusal():
        (pod,) = lab.pods(LLM, name)
        conditions = lab.get("pod", pod, LLM)["status"].get("conditions", [])
        return next((c["message"] for c in conditions if c["type"] == "PodScheduled"), None)

    assert "didn't match Pod's node affinity/selector" in until("a pod is unschedulable", refusal)


def test_a_model_that_does_not_fit_leaves_the_pool_as_it_was(lab, pool):
    name = pool("sized", GEMMA)
    before = lab.get("deployment", name, LLM)["spec"]

    with pytest.raises(CommandError, match=r"gemma-2-9b-it in bf16 on 1 x nvidia-l4 needs .* GiB"):
        install(lab.cluster, name, MODELS_CHART, LLM, VALUES, {**GEMMA, "precision": "bf16"})

    assert lab.get("deployment", name, LLM)["spec"] == before


def test_a_pod_is_not_ready_before_the_warm_up_was_answered(lab, pool):
    name = pool("warm", GEMMA, SLOW_START, wait=False)
    (pod,) = until("there is a pod", lambda: lab.pods(LLM, name))

    until("the warm-up is asked", lambda: metric(lab, pod, "vllm:num_requests_running") == 1)
    assert health(lab, pod) == "200"
    assert not ready(lab, pod)
    until("the pod is ready", lambda: ready(lab, pod))

    assert metric(lab, pod, "vllm:request_success_total") >= 1


def test_a_pod_that_leaves_ends_its_answers(lab, pool):
    name = pool("leaving", GEMMA, {"vllm": {"extraArgs": ["--ttft-ms=5", "--itl-ms=50"]}})
    (pod,) = lab.pods(LLM, name)
    # Five seconds: longer than the two in which requests still come, shorter than the drain.
    body = json.dumps(chat(stream=True, max_tokens=100, ignore_eos=True))
    command = ["curl", "--silent", "--no-buffer", "localhost:8000/v1/chat/completions"]

    with ThreadPoolExecutor() as side:
        stream = side.submit(lab.in_pod, LLM, pod, [*command, "--data", body])
        until("it answers", lambda: metric(lab, pod, "vllm:num_requests_running") == 1)
        lab.kubectl("delete", "pod", pod, "--namespace", LLM, "--wait=false")
        answer = stream.result()

    assert answer.rstrip().endswith("data: [DONE]")
    assert answer.count('"content"') >= 100


def test_a_second_pod_is_not_evicted_before_the_first_is_back(lab, pool):
    name = pool("guarded", GEMMA, {"replicas": 2}, SLOW_START)
    first, second = lab.pods(LLM, name)

    evict(lab, first)

    with pytest.raises(CommandError, match="would violate the pod's disruption budget"):
        evict(lab, second)
    assert second in lab.pods(LLM, name)


def test_a_pod_of_the_pool_takes_a_placeholders_place_at_once(lab, pool):
    # One more than the node has GPUs, so that one waits, whoever else is there.
    values = {**GEMMA, "replicas": 0, "placeholders": {"replicas": 9}}
    name = pool("pushed", values)
    holding = until("all GPUs are held", lambda: full(lab, f"{name}-placeholder"))

    lab.kubectl("scale", f"deployment/{name}", "--replicas=1", "--namespace", LLM)
    until_rolled_out(lab.cluster, LLM, f"deployment/{name}")

    (pod,) = lab.pods(LLM, name)
    assert lab.get("pod", pod, LLM)["spec"]["nodeName"] == "gpu-small-a"
    left = holding & set(lab.pods(LLM, f"{name}-placeholder"))
    assert len(holding) - len(left) == 1


def test_an_upgrade_keeps_the_revisions_that_argo_wrote(lab, pool):
    rollout = {"rollout": {"enabled": True}}
    name = pool("argos", GEMMA, rollout)
    hashed = {"spec": {"selector": {"rollouts-pod-template-hash": "abc"}}}
    patch = ("patch", "service", f"{name}-canary", "--namespace", LLM, "--patch")
    lab.kubectl(*patch, json.dumps(hashed), "--field-manager", "rollouts-controller")

    pool(name, GEMMA, rollout, {"podDisruptionBudget": {"enabled": False}})

    canary, stable = (lab.get("service", f"{name}-{role}", LLM) for role in ("canary", "stable"))
    assert canary["spec"]["selector"]["rollouts-pod-template-hash"] == "abc"
    assert stable["spec"]["selector"] == {"app.kubernetes.io/name": name}


def test_weights_are_downloaded_before_vllm_starts(lab, pool):
    secret = ("create", "secret", "generic", "hub", "--from-literal=token=mine")
    lab.kubectl(*secret, "--namespace", LLM)
    try:
        values = {"weights": {"source": "download"}, "revision": "abc"}
        name = pool("fetched", GEMMA, values, {"huggingFace": {"existingSecret": "hub"}})
        (pod,) = lab.pods(LLM, name)
        log = lab.kubectl("logs", pod, "--namespace", LLM, "--container", "download")
    finally:
        lab.kubectl("delete", "secret", "hub", "--namespace", LLM)

    assert log == "fetched google/gemma-2-9b-it\n"
    assert holds(lab, LLM, pod, "vllm", "/models/google/gemma-2-9b-it/asked")
    assert not holds(lab, LLM, pod, "vllm", TOKEN)


def test_a_proxy_hands_on_the_pools_metrics(lab, pool):
    monitor = {"enabled": True, "merged": True}
    values = {"istio": {"inject": "true"}, "metrics": {"podMonitor": monitor}}
    name = pool("meshed", GEMMA, values)
    (pod,) = lab.pods(LLM, name)

    merged = lab.in_pod(LLM, pod, ["curl", "--silent", "localhost:15020/stats/prometheus"])

    assert "vllm:num_requests_waiting" in merged


def test_the_gateway_reaches_the_pool_by_every_alias_and_counts_for_an_empty_one(
    lab, client, mesh, pool
):
    scaled = {"autoscaling": {"kind": "keda", "minReplicas": 0}}
    name = pool("sought", GEMMA, scaled)
    mesh({"tiers": {"small": {"host": name}}})
    lab.until_settled()

    for model in ("auto", "gpt-4o", name, "weighbridge/small", "gemma-2-9b-it"):
        answer = client.post("/v1/chat/completions", json=chat(model=model))
        assert (answer.status_code, answer.json()["model"]) == (200, "gemma-2-9b-it"), model
    lab.kubectl("scale", f"deployment/{name}", "--replicas=0", "--namespace", LLM)
    until(
        "nobody answers", lambda: client.post(**EASY).status_code == httpx.codes.SERVICE_UNAVAILABLE
    )
    before = wished(lab, name)
    refused = client.post(**EASY)

    assert decision(refused)[0] == "small"
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    until("the gateway counts it", lambda: wished(lab, name) > before)


def wished(lab, name):
    """What the activation trigger of a pool would sum up, read where Prometheus reads it."""
    query = next(
        trigger["metadata"]["query"]
        for trigger in lab.get("scaledobject", name, LLM)["spec"]["triggers"]
        if trigger["name"] == "activation"
    )
    metric_s, pattern = re.search(r"(envoy_\w+)\{cluster_name=~\"(.*?)\"\}", query).groups()
    (gateway,) = lab.pods(INGRESS, INGRESS)
    page = lab.in_pod(INGRESS, gateway, ["curl", "--silent", "localhost:15090/stats/prometheus"])
    lines = re.findall(rf"^{metric_s}\{{.*?cluster_name=\"(.*?)\".*?\}} (\S+)$", page, re.MULTILINE)
    return sum(float(value) for cluster, value in lines if re.fullmatch(pattern, cluster))


def metric(lab, pod, name):
    """Sum of a metric of a pod's server; None while it does not listen."""
    page = lab.in_pod(LLM, pod, ["curl", "--silent", "--fail", "localhost:8000/metrics"])
    values = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", page, re.MULTILINE)
    return sum(map(float, values)) if values else None


def health(lab, pod):
    """Status of a pod's /health."""
    form = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    return lab.in_pod(LLM, pod, [*form, "localhost:8000/health"])


def ready(lab, pod):
    """Whether a pod is."""
    conditions = lab.get("pod", pod, LLM)["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def full(lab, name):
    """Pods of a Deployment that hold a GPU, once no more of them find one."""
    listed = [lab.get("pod", pod, LLM) for pod in lab.pods(LLM, name)]
    held = {p["metadata"]["name"] for p in listed if "nodeName" in p["spec"] and ready_status(p)}
    waiting = [p for p in listed if unschedulable(p)]
    return held if waiting and len(held) + len(waiting) == len(listed) else None


def ready_status(pod):
    """Whether a pod, as read, runs."""
    return pod["status"].get("phase") == "Running"


def unschedulable(pod):
    """Whether the scheduler has found no node for a pod, as read."""
    conditions = pod["status"].get("conditions", [])
    return any(c.get("reason") == "Unschedulable" for c in conditions)


def evict(lab, pod):
    """Ask for an eviction as `kubectl drain` does."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": LLM},
    }
    path = f"/api/v1/namespaces/{LLM}/pods/{pod}/eviction"
    lab.kubectl("create", "--raw", path, "--filename", "-", text=json.dumps(eviction))

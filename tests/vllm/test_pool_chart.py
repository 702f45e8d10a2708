"""A pool of models/chart with real vLLM in it, on a CPU: a pod of the lab, started by its chart."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from charts.rendering import MODELS_CHART, containers, render, render_scenario, scenarios
from envoy_rig.requests import chat
from lab.containers import holds
from weighbridge.local.tiny_model import CONTEXT_WINDOW, Family, write_model
from weighbridge.local.up import _cache_dir
from weighbridge.local.vllm_pool import ensure_environment
from weighbridge_lab.installation import install
from weighbridge_lab.lab import Lab
from weighbridge_lab.reports import report
from weighbridge_lab.waiting import until

pytestmark = pytest.mark.vllm

POOL = "real"
NAMESPACE = "real"  # without the restricted standard, which forbids folders of the node
START_S = 600  # of which a busy machine needs most: three processes import PyTorch
DRAIN = {"delaySeconds": 1, "timeoutSeconds": 100}
ANSWER_TOKENS = CONTEXT_WINDOW - 200
"""Of the longest answer there is: half a minute here, of which its pod is told to end early on."""
PARSE = """
import json, sys
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
for words in json.load(sys.stdin):
    parser = make_arg_parser(FlexibleArgumentParser())
    parsed = parser.parse_args(words)
    print(json.dumps([parsed.model_tag, parsed.served_model_name, parsed.shutdown_timeout]))
"""


@pytest.fixture(scope="module")
def environment():
    return ensure_environment(_cache_dir(), progress=print)


def test_vllm_knows_every_argument_of_every_scenario_and_preset(environment):
    presets = sorted((MODELS_CHART / "presets").glob("*.yaml"))
    token = ["huggingFace.existingSecret=token"]
    renderings = [
        *(render_scenario(MODELS_CHART, scenario) for scenario in scenarios(MODELS_CHART)),
        *(render(MODELS_CHART, preset, settings=token) for preset in presets),
    ]
    lines = [arguments(rendering) for rendering in renderings]

    done = subprocess.run(
        [environment / "bin" / "python", "-I", "-c", PARSE],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    parsed = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [model for model, _, _ in parsed] == [line[0] for line in lines]
    assert all(len(names) > 3 and drain > 0 for _, names, drain in parsed)


@pytest.fixture(scope="module")
def lab(environment, tmp_path_factory):
    running = Lab(
        tmp_path_factory.mktemp("lab") / "state", places={"vllm": environment}, report=report()
    )
    running.start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def installed(lab, tmp_path_factory):
    """The lab, with the pool in it."""
    models = tmp_path_factory.mktemp("models")
    write_model(models / "tiny", family=Family.GEMMA, seed=1)
    lab.kubectl("create", "namespace", NAMESPACE)
    install(lab.cluster, POOL, MODELS_CHART, NAMESPACE, values(models))
    return lab


@pytest.fixture
def pod(installed):
    """The pool's pod, ready; another one, where a test has deleted the first."""

    def found():
        pods = installed.pods(NAMESPACE, POOL)
        return pods[0] if len(pods) == 1 and ready(installed, pods[0]) else None

    return until("vLLM has answered the warm-up", found, timeout_s=START_S)


def test_real_vllm_has_answered_the_warm_up_when_its_pod_is_ready(lab, pod):
    assert metric(lab, pod, "vllm:request_success_total") >= 1


def test_real_vllm_answers_by_every_name_of_the_pool(lab, pod):
    listed = json.loads(curl(lab, pod, "/v1/models"))["data"]

    assert {"gemma-2-9b-it", POOL, "auto", "weighbridge/small"} <= {m["id"] for m in listed}
    for model in ("auto", POOL):
        answer = json.loads(curl(lab, pod, "/v1/chat/completions", body(model, max_tokens=4)))
        assert answer["model"] == "gemma-2-9b-it"


def test_real_vllm_runs_without_root_on_a_read_only_root(lab, pod):
    assert holds(lab, NAMESPACE, pod, "vllm", "/models/tiny/config.json")
    assert holds(lab, NAMESPACE, pod, "vllm", "/var/cache/weighbridge")
    template = lab.get("pod", pod, NAMESPACE)["spec"]
    assert template["securityContext"]["runAsUser"] == 65532
    assert template["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_real_vllm_ends_its_answers_before_it_leaves(lab, pod):
    asked = body("auto", max_tokens=ANSWER_TOKENS, ignore_eos=True, stream=True)
    with ThreadPoolExecutor() as side:
        stream = side.submit(curl, lab, pod, "/v1/chat/completions", asked)
        until("it answers", lambda: metric(lab, pod, "vllm:num_requests_running") == 1)
        lab.kubectl("delete", "pod", pod, "--namespace", NAMESPACE, "--wait=false")
        left = time.monotonic()
        answer = stream.result()

    # Else it ended before SIGTERM came, and nothing is shown.
    assert time.monotonic() - left > DRAIN["delaySeconds"] + 1
    assert answer.rstrip().endswith("data: [DONE]")


def arguments(rendering):
    """What the pool's chart gives to `vllm serve`."""
    for deployment in rendering.all("Deployment"):
        for container in containers(deployment):
            if container["name"] == "vllm":
                return container["args"]
    raise LookupError("expected a container vllm")


def body(model, **fields):
    return json.dumps(chat(model=model, **fields))


def curl(lab, pod, path, data=None):
    asked = ["--data", data, "--header", "content-type: application/json"] if data else []
    url = f"localhost:8000{path}"
    return lab.in_pod(NAMESPACE, pod, ["curl", "--silent", "--no-buffer", url, *asked])


def metric(lab, pod, name):
    lines = [line for line in curl(lab, pod, "/metrics").splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def ready(lab, pod):
    conditions = lab.get("pod", pod, NAMESPACE)["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def values(models: Path) -> dict:
    return {
        "model": "gemma-2-9b-it",
        "image": {"tag": "cpu"},
        "gpu": {"count": 0},
        "vllm": {
            "maxModelLen": CONTEXT_WINDOW,
            "maxNumSeqs": 8,
            "extraArgs": ["--enforce-eager", "--kv-cache-memory-bytes=67108864"],
        },
        "weights": {"source": "hostPath", "path": "tiny", "hostPath": {"path": str(models)}},
        "probes": {"startupSeconds": START_S, "startupPeriodSeconds": 2},
        "drain": DRAIN,
        "extraEnv": [
            {"name": "OMP_NUM_THREADS", "value": "1"},
            # PyTorch asks for the address of its host's name, which the lab's hosts file lacks.
            {"name": "GLOO_SOCKET_IFNAME", "value": "lo"},
        ],
        "resources": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
    }

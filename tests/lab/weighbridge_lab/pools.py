"""A pool for the lab: a Service and a Deployment in the shape of models/chart.

Its pods run the simulator, which has vLLM's API and metrics and needs no GPU; they ask for one all
the same, so that the real scheduler places them on the GPU nodes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Manifest = dict[str, Any]

POOLS_NAMESPACE = "llm"
POOL_PORT = 8000
_ANY = "0.0.0.0"  # of the pod's own network
_DRAIN_S = 10
_NAME = "app.kubernetes.io/name"


def pool(
    name: str,
    tier: str,
    *,
    models: Sequence[str] = (),
    replicas: int = 1,
    arguments: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    echo: bool = False,
    namespace: str = POOLS_NAMESPACE,
) -> list[Manifest]:
    """Make the manifests of one pool.

    Args:
        name: of Service and Deployment.
        tier: that it serves.
        models: names it answers to; the first is the one in its answers.
        replicas: pods.
        arguments: more flags of the simulator.
        labels: of the pods, beside name and tier.
        echo: its pods tell what reached them, instead of answering like vLLM.
        namespace: of both.
    """
    marks = {_NAME: name, "weighbridge.dev/tier": tier, **(labels or {})}
    if echo:
        container = _container("weighbridge-echo-pool:lab", [tier, str(POOL_PORT), _ANY])
    else:
        container = _container("weighbridge-simulator:lab", [*_simulator(models), *arguments])
    metadata = {"name": name, "namespace": namespace}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "selector": {_NAME: name},
                "ports": [{"name": "http", "port": POOL_PORT, "targetPort": "http"}],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {_NAME: name}},
                "template": {"metadata": {"labels": marks}, "spec": _pod(container)},
            },
        },
    ]


def default_pools() -> list[Manifest]:
    """Make the two pools that every lab has."""
    return [
        *pool("gemma-small", "small", models=["gemma-2-9b-it", "auto"]),
        *pool("llama-large", "large", models=["llama-3.3-70b-instruct", "auto"]),
    ]


def _simulator(models: Sequence[str]) -> list[str]:
    serving = [word for model in models for word in ("--served-model-name", model)]
    # A tenth of a model's times: enough to be streams, short enough to wait for.
    times = ["--ttft-ms", "5", "--itl-ms", "2", "--drain-seconds", str(_DRAIN_S)]
    return ["--host", _ANY, "--port", str(POOL_PORT), *serving, *times]


def _container(image: str, arguments: Sequence[str]) -> Manifest:
    health = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1}
    return {
        "name": "vllm",
        "image": image,
        "args": list(arguments),
        "ports": [{"name": "http", "containerPort": POOL_PORT}],
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": {**health, "failureThreshold": 60},
        # Patient: on a busy machine one late answer would empty a pool of one.
        "readinessProbe": {**health, "failureThreshold": 2, "timeoutSeconds": 5},
        # Until every gateway has heard that the pod leaves, requests still come.
        "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
    }


def _pod(container: Manifest) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 2 + _DRAIN_S + 3,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "containers": [container],
    }

"""What a HorizontalPodAutoscaler needs to act in a lab: metrics of pods on Kubernetes' API.

In: a lab with Prometheus. While a block runs, the real prometheus-adapter is in it, with the very
rules that operators are given (observability/adapter). The controller that scales is Kubernetes'
own, which every lab has; without the adapter it finds no metrics, and leaves pods as they are.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from weighbridge_lab.installation import LAB, REPOSITORY, apply_files, until_rolled_out
from weighbridge_lab.monitoring import MONITORING
from weighbridge_lab.pools import POOLS_NAMESPACE
from weighbridge_lab.waiting import until

if TYPE_CHECKING:
    from weighbridge_lab.canaries import CanaryLab

ADAPTER: Final = "prometheus-adapter"
RULES: Final = REPOSITORY / "observability" / "adapter" / "config.yaml"
_API: Final = "v1beta1.custom.metrics.k8s.io"
_MANIFESTS: Final = LAB / "manifests"


@contextmanager
def metrics_of_pods(lab: "CanaryLab") -> Iterator[None]:
    """Serve them while a block runs."""
    server, api = _MANIFESTS / "adapter.yaml", _MANIFESTS / "adapter-api.yaml"
    lab.apply([_configuration()])
    apply_files(lab.cluster, [server])
    try:
        until_rolled_out(lab.cluster, MONITORING, f"deployment/{ADAPTER}")
        apply_files(lab.cluster, [api])
        lab.kubectl("wait", f"apiservice/{_API}", "--for=condition=Available", "--timeout=60s")
        yield
    finally:
        for path in (api, server):
            lab.kubectl("delete", "--filename", str(path), "--ignore-not-found")


def metric_by_pod(lab: "CanaryLab", metric: str, pool: str) -> dict[str, str]:
    """Ask the API for a metric of each pod of a pool, as the controller does; values by name.

    Raises:
        CommandError: it has no such metric.
    """
    chosen = f"labelSelector=app.kubernetes.io/name%3D{pool}"
    group = "/apis/custom.metrics.k8s.io/v1beta1"
    path = f"{group}/namespaces/{POOLS_NAMESPACE}/pods/*/{metric}?{chosen}"
    items = json.loads(lab.kubectl("get", "--raw", path))["items"]
    return {item["describedObject"]["name"]: item["value"] for item in items}


def metrics_read(lab: "CanaryLab", pool: str) -> list[str]:
    """Names of the metrics of which a pool's autoscaler has a value, as its status has them."""
    status = lab.get("hpa", pool, POOLS_NAMESPACE).get("status", {})
    of_pods = (metric["pods"] for metric in status.get("currentMetrics") or () if "pods" in metric)
    return [each["metric"]["name"] for each in of_pods if "averageValue" in each["current"]]


def until_scaling(lab: "CanaryLab", pool: str, *, active: bool = True) -> None:
    """Wait until a pool's autoscaler has its metrics, or, not `active`, says that it lacks them."""
    until(f"{pool}'s autoscaler has metrics: {active}", lambda: _scaling(lab, pool) is active)


def rescales(lab: "CanaryLab", pool: str) -> list[str]:
    """Why the autoscaler has changed a pool's number of pods, in its own words."""
    words = ("get", "events", "--namespace", POOLS_NAMESPACE, "--output=json")
    fields = f"involvedObject.name={pool},reason=SuccessfulRescale"
    items = json.loads(lab.kubectl(*words, f"--field-selector={fields}"))["items"]
    return [item["message"] for item in items]


def _scaling(lab: "CanaryLab", pool: str) -> bool | None:
    conditions = lab.get("hpa", pool, POOLS_NAMESPACE).get("status", {}).get("conditions", ())
    found = [each["status"] for each in conditions if each["type"] == "ScalingActive"]
    return found[0] == "True" if found else None


def _configuration() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": ADAPTER, "namespace": MONITORING},
        "data": {RULES.name: RULES.read_text(encoding="utf-8")},
    }

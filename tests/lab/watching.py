"""What servers and the gateway say of themselves while requests run."""

import json

from weighbridge_lab.installation import INGRESS
from weighbridge_lab.lab import CONFIG_DUMP
from weighbridge_lab.pools import POOLS_NAMESPACE

ROUTER = "weighbridge-router"
NAMESPACE = "weighbridge"


def total(lab, series):
    """Sum of a series over the routers."""
    return sum(metric(lab, NAMESPACE, pod, 9090, series) for pod in lab.pods(NAMESPACE, ROUTER))


def in_flight(lab, name):
    """Requests that a pool's only pod is busy with."""
    (pod,) = lab.pods(POOLS_NAMESPACE, name)
    return metric(lab, POOLS_NAMESPACE, pod, 8000, "vllm:num_requests_running")


def answered(lab, name):
    """Requests that a pool's only pod has finished."""
    (pod,) = lab.pods(POOLS_NAMESPACE, name)
    return metric(lab, POOLS_NAMESPACE, pod, 8000, "vllm:request_success_total")


def metric(lab, namespace, pod, port, series):
    """Sum of the series whose name begins so."""
    text = lab.in_pod(namespace, pod, ["curl", "--silent", "--fail", f"localhost:{port}/metrics"])
    found = [line for line in text.splitlines() if line.startswith(series)]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def endpoints(lab, name):
    """Servers that the gateway knows of a pool."""
    return [
        each
        for dump in config(lab)
        for known in dump.get("dynamic_endpoint_configs", [])
        if name in known["endpoint_config"].get("cluster_name", "")
        for locality in known["endpoint_config"].get("endpoints", [])
        for each in locality["lb_endpoints"]
    ]


def clusters(lab):
    """Clusters that the gateway was told of."""
    return [
        each["cluster"] for dump in config(lab) for each in dump.get("dynamic_active_clusters", [])
    ]


def config(lab):
    (gateway,) = lab.pods(INGRESS, INGRESS)
    return json.loads(lab.in_pod(INGRESS, gateway, CONFIG_DUMP))["configs"]

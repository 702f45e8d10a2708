"""What several tests put on the lab's stage beside its own pods, and how it is cleared."""

import json

_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_NOBODY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def put_back(lab):
    """Install the mesh with the lab's own values, and wait until the gateway goes by them."""
    lab.install_mesh(force=True)
    lab.until_settled()


def by_api(api):
    """Values of the mesh for the objects of one API, `istio` or `gateway-api`."""
    # Nobody here gives a Service of type LoadBalancer its address.
    return {"api": api, "annotations": {"networking.istio.io/service-type": "ClusterIP"}}


def gateway_url(lab, api):
    """Base URL of the gateway that serves by the objects of one API."""
    door = {"istio": "gateway", "gateway-api": "gateway-api"}[api]
    return f"http://127.0.0.1:{lab.cluster.ports[door]}"


def remove(lab, manifests):
    """Take manifests off the stage, without waiting."""
    listed = {"apiVersion": "v1", "kind": "List", "items": manifests}
    lab.kubectl("delete", "--filename=-", "--wait=false", text=json.dumps(listed))


def pod(name, namespace, container, **metadata):
    """A pod that the restricted Pod Security Standard admits, ended without delay."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": _NOBODY,
            "containers": [{"name": "main", "securityContext": _RESTRICTED, **container}],
        },
    }


def idle():
    """A container in whose pod a test calls others."""
    return {"image": "busybox:lab", "command": ["sleep", "infinity"]}


def until_pod_is_ready(lab, namespace, name):
    """Wait for one pod."""
    lab.kubectl(
        "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s", "--namespace", namespace
    )


def pod_address(lab, namespace, name):
    """A pod's address."""
    return lab.get("pod", name, namespace)["status"]["podIP"]

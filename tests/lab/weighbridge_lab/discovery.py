"""Tells Prometheus of a cluster's pods, where Prometheus itself was built without Kubernetes.

Debian's Prometheus lacks `kubernetes_sd_configs`. This speaks its `http_sd_configs` in place of it:
a GET is answered with a target for each port of each container, under the same ``__meta_`` labels
that Prometheus' own discovery of pods gives, so that relabelling is what it is in production. It
asks the API server anew each time, with the token of its service account, and keeps nothing.
"""

import json
import os
import re
import ssl
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

ADDRESS: Final = ("127.0.0.1", 9099)
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TIMEOUT_S: Final = 5.0
_META: Final = "__meta_kubernetes"
Target = dict[str, Any]


def targets(pods: Iterable[Mapping[str, Any]]) -> list[Target]:
    """List a target for each port of each container of pods that have an address."""
    return [target for pod in pods if "podIP" in pod["status"] for target in _of_pod(pod)]


def _of_pod(pod: Mapping[str, Any]) -> Iterator[Target]:
    shared = _labels(pod)
    for container in pod["spec"]["containers"]:
        named = {f"{_META}_pod_container_name": container["name"]}
        for port in container.get("ports", ()):
            address = f"{pod['status']['podIP']}:{port['containerPort']}"
            yield {"targets": [address], "labels": {**shared, **named, **_port(port)}}


def _port(port: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{_META}_pod_container_port_name": port.get("name", ""),
        f"{_META}_pod_container_port_number": str(port["containerPort"]),
        f"{_META}_pod_container_port_protocol": port.get("protocol", "TCP"),
    }


def _labels(pod: Mapping[str, Any]) -> dict[str, str]:
    metadata, status = pod["metadata"], pod["status"]
    return {
        f"{_META}_namespace": metadata["namespace"],
        f"{_META}_pod_name": metadata["name"],
        f"{_META}_pod_uid": metadata["uid"],
        f"{_META}_pod_ip": status["podIP"],
        f"{_META}_pod_node_name": pod["spec"].get("nodeName", ""),
        f"{_META}_pod_phase": status.get("phase", "Unknown"),
        f"{_META}_pod_ready": _ready(status),
        **_prefixed("pod_label", metadata.get("labels") or {}),
        **_prefixed("pod_annotation", metadata.get("annotations") or {}),
    }


def _prefixed(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, value in values.items():
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        found[f"{_META}_{kind}_{plain}"] = value
        found[f"{_META}_{kind}present_{plain}"] = "true"
    return found


def _ready(status: Mapping[str, Any]) -> str:
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    return str(conditions.get("Ready", "unknown")).lower()


def list_pods() -> list[dict[str, Any]]:
    """Ask the API server, as a pod does."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    token = (_ACCOUNT / "token").read_text()
    request = urllib.request.Request(
        f"https://{host}:{port}/api/v1/pods", headers={"authorization": f"Bearer {token}"}
    )
    trust = ssl.create_default_context(cafile=_ACCOUNT / "ca.crt")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=trust) as answer:  # noqa: S310
        listed: list[dict[str, Any]] = json.load(answer)["items"]
        return listed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with all targets; 503 where the API server gives no pods."""
        try:
            status, document = 200, json.dumps(targets(list_pods())).encode()
        except OSError as error:  # a URLError is one, too
            status, document = 503, str(error).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(document)))
        self.end_headers()
        self.wfile.write(document)

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002 - the name it has
        """Say only what went wrong."""
        if not words[1:2] or str(words[1]) != "200":
            sys.stderr.write(f"{format % words}\n")


def main() -> None:
    """Serve until ended."""
    ThreadingHTTPServer(ADDRESS, _Handler).serve_forever()


if __name__ == "__main__":
    main()

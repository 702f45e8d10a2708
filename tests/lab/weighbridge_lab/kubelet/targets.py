"""Whom Prometheus scrapes: a file_sd file, for builds of it that can't ask Kubernetes.

A pod is a target by its annotation prometheus.io/scrape, or by a port named metrics or
http-metrics. All its labels become labels of the target, so that a query can tell a canary by its
rollouts_pod_template_hash.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lightkube.models.core_v1 import Container, ContainerPort

from weighbridge_lab.kubelet.manifest import Manifest

_PORTS = frozenset({"metrics", "http-metrics"})
_SCRAPE = "prometheus.io/scrape"
_PORT = "prometheus.io/port"
_PATH = "prometheus.io/path"
_NO_LABEL = re.compile(r"[^a-zA-Z0-9_]")

Target = dict[str, Any]


class TargetsFile:
    """The file.

    Args:
        path: where it lies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""

    def write(self, running: Iterable[tuple[Manifest, str]]) -> None:
        """Make it list what is to be scraped of pods that run.

        Args:
            running: each with its address.
        """
        found = [target for manifest, address in running for target in targets(manifest, address)]
        found.sort(key=lambda target: target["targets"])
        text = json.dumps(found, indent=1)
        if text != self._text:
            # Prometheus reads it whenever it changes: never half of it.
            new = self._path.with_suffix(".new")
            new.write_text(text)
            new.replace(self._path)
            self._text = text


def targets(manifest: Manifest, address: str) -> Iterator[Target]:
    """Give the targets of one pod."""
    annotated = manifest.annotations.get(_SCRAPE) == "true"
    number = manifest.annotations.get(_PORT) if annotated else None
    declared = list(_ports(manifest))
    if number:
        # Proxies serve their metrics at a port that no container declares.
        found = [one for one in declared if str(one[1].containerPort) == number][:1]
        container = found[0][0] if found else manifest.mains[0]
        port = found[0][1] if found else ContainerPort(containerPort=int(number))
        yield _target(manifest, address, container, port)
        return
    for container, port in declared:
        if annotated or port.name in _PORTS:
            yield _target(manifest, address, container, port)


def _ports(manifest: Manifest) -> Iterator[tuple[Container, ContainerPort]]:
    for container in manifest.containers():
        for port in container.ports or []:
            yield container, port


def _target(manifest: Manifest, address: str, container: Container, port: ContainerPort) -> Target:
    own = {_NO_LABEL.sub("_", name): value for name, value in manifest.labels.items()}
    labels = {
        **own,
        "namespace": manifest.namespace,
        "pod": manifest.name,
        "node": manifest.node or "",
        "container": container.name,
        "port": port.name or str(port.containerPort),
    }
    if annotated_path := manifest.annotations.get(_PATH):
        labels["__metrics_path__"] = annotated_path
    return {"targets": [f"{address}:{port.containerPort}"], "labels": labels}

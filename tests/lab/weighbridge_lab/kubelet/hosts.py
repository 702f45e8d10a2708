"""What stands for the cluster's DNS: one hosts file, which every container sees as its own.

A Service's full names lead to the first of its ready endpoints, so the ports that answer are those
of the pod. There is no bare name, which would mean something else in each namespace. The file is
rewritten in place as EndpointSlices change: containers have it by a bind mount, and would keep the
old one if it were replaced.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from lightkube.models.discovery_v1 import Endpoint
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.discovery_v1 import EndpointSlice

_SERVICE_LABEL = "kubernetes.io/service-name"
_LOOPBACK = ("127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback")
_API = ("default", "kubernetes")


class HostsFile:
    """The file.

    Args:
        path: where it lies.
        api_address: of the API server, which is no pod.
    """

    def __init__(self, path: Path, api_address: str) -> None:
        self._path = path
        self._api_address = api_address
        self._text = ""
        self._chosen: dict[tuple[str, str], str] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def write(self, slices: Iterable[EndpointSlice]) -> None:
        """Make it say what these slices say."""
        services = _ready(slices)
        self._chosen = {
            # Whoever was chosen stays while it is ready: names don't move without need.
            service: self._chosen[service]
            if self._chosen.get(service) in addresses
            else addresses[0]
            for service, addresses in services.items()
        }
        lines = [
            *_LOOPBACK,
            _line(self._api_address, *_API),
            *(_line(address, *service) for service, address in sorted(self._chosen.items())),
            *_pods(slices),
        ]
        self._store("\n".join(lines) + "\n")

    def _store(self, text: str) -> None:
        if text == self._text:
            return
        # One write, then the cut: whoever reads meanwhile sees whole lines, if of two versions.
        with self._path.open("r+b") as file:
            os.pwrite(file.fileno(), text.encode(), 0)
            file.truncate(len(text.encode()))
        self._text = text


def _ready(slices: Iterable[EndpointSlice]) -> dict[tuple[str, str], list[str]]:
    services: dict[tuple[str, str], set[str]] = {}
    for one in slices:
        service = _service(one)
        if service and service != _API:
            found = {
                endpoint.addresses[0] for endpoint in one.endpoints or [] if _is_ready(endpoint)
            }
            services.setdefault(service, set()).update(found)
    return {service: sorted(found) for service, found in services.items() if found}


def _pods(slices: Iterable[EndpointSlice]) -> list[str]:
    """Give the lines of pods that have names of their own: those of a StatefulSet."""
    lines = set()
    for one in slices:
        service = _service(one)
        for endpoint in one.endpoints or []:
            if service and endpoint.hostname and _is_ready(endpoint):
                namespace, name = service
                lines.add(_line(endpoint.addresses[0], namespace, f"{endpoint.hostname}.{name}"))
    return sorted(lines)


def _service(one: EndpointSlice) -> tuple[str, str] | None:
    metadata = one.metadata or ObjectMeta()
    name = (metadata.labels or {}).get(_SERVICE_LABEL)
    return (metadata.namespace or "", name) if name else None


def _is_ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions is None or endpoint.conditions.ready is not False


def _line(address: str, namespace: str, name: str) -> str:
    short = f"{name}.{namespace}"
    return f"{address} {short} {short}.svc {short}.svc.cluster.local"

"""What a pod may learn of itself: the fields and resources of the downward API."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from lightkube.models.core_v1 import Container
from lightkube.utils.quantity import parse_quantity

from weighbridge_lab.kubelet.errors import ConfigError
from weighbridge_lab.kubelet.manifest import Manifest

_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def field_of(manifest: Manifest, path: str, address: str, node_address: str) -> str:
    """Read a field by its path.

    Args:
        manifest: of the pod.
        path: such as ``metadata.labels['app']``.
        address: the pod's, which its status may not say yet.
        node_address: its node's.

    Raises:
        ConfigError: for a path that the downward API doesn't have.
    """
    if keyed := _KEYED.fullmatch(path):
        values = manifest.labels if keyed[1] == "labels" else manifest.annotations
        return values.get(keyed[2], "")
    fields = {
        "metadata.name": manifest.name,
        "metadata.namespace": manifest.namespace,
        "metadata.uid": manifest.uid,
        "metadata.labels": _lines(manifest.labels),
        "metadata.annotations": _lines(manifest.annotations),
        "spec.nodeName": manifest.node or "",
        "spec.serviceAccountName": manifest.spec.serviceAccountName or "",
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": node_address,
        "status.hostIPs": node_address,
    }
    if path not in fields:
        raise ConfigError(f"the downward API has no field {path}: expected one of {sorted(fields)}")
    return fields[path]


def resource_of(
    container: Container, resource: str, divisor: str | None, capacity: Mapping[str, str]
) -> str:
    """Read a limit or request of a container, in units of a divisor, rounded up.

    Args:
        container: whose.
        resource: such as ``limits.cpu``.
        divisor: the unit; "0" and None mean 1.
        capacity: of the node, which a missing limit means.

    Raises:
        ConfigError: for what isn't a limit or a request.
    """
    kind, _, name = resource.partition(".")
    if kind not in {"limits", "requests"} or not name:
        raise ConfigError(f"expected limits.NAME or requests.NAME, got {resource}")
    asked = container.resources
    limits = (asked.limits if asked else None) or {}
    requests = (asked.requests if asked else None) or {}
    quantity = limits.get(name, capacity.get(name, "0"))
    if kind == "requests":
        quantity = requests.get(name, limits.get(name, "0"))
    unit = parse_quantity(divisor) or Decimal(1)
    return str(math.ceil((parse_quantity(quantity) or Decimal(0)) / unit))


def _lines(values: Mapping[str, str]) -> str:
    return "\n".join(f'{key}="{_escape(value)}"' for key, value in sorted(values.items()))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

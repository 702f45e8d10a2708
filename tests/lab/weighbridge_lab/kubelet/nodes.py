"""The nodes that this kubelet says it is: registered, kept ready, their leases renewed.

The file is a list:

    - name: gpu-a
      labels: {topology.kubernetes.io/zone: zone-a}
      taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]
      capacity: {cpu: "32", memory: 128Gi, pods: "110", nvidia.com/gpu: "8"}

All of them are this one machine, with one address: what differs is what the scheduler sees.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import yaml
from lightkube import AsyncClient
from lightkube.models.coordination_v1 import LeaseSpec
from lightkube.models.core_v1 import NodeSpec, Taint
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Node, NodeStatus
from lightkube.types import PatchType

from weighbridge_lab.errors import LabError

_log = logging.getLogger(__name__)
_RENEW_S = 10.0
_LEASE_S = 40
_LEASES = "kube-node-lease"
_VERSION = "v1.34.1-lab"
_RETRY_S = 0.5
_NOT_FOUND = 404
_EXISTS = 409


@dataclass(frozen=True, kw_only=True)
class NodeEntry:
    """A node of the file.

    Attributes:
        name: its name.
        labels: beside the host name's, which follows.
        taints: as of the API.
        capacity: resource to quantity; all of it is allocatable.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()
    capacity: Mapping[str, str] = field(default_factory=dict)


def read_nodes(path: Path) -> list[NodeEntry]:
    """Read the file.

    Raises:
        LabError: for one that isn't such a list.
    """
    raw = yaml.safe_load(path.read_text())
    if not isinstance(raw, list) or not raw:
        raise LabError(f"{path}: expected a list of nodes, got {type(raw).__name__}")
    try:
        return [NodeEntry(**entry) for entry in raw]
    except TypeError as error:
        known = "name, labels, taints, capacity"
        raise LabError(f"{path}: expected entries with {known}: {error}") from error


class Nodes:
    """Keeps nodes in the API.

    Args:
        client: of the API server.
        entries: which.
        address: of all of them.
        port: where their kubelet serves logs.
    """

    def __init__(
        self, client: AsyncClient, entries: Sequence[NodeEntry], address: str, port: int
    ) -> None:
        self._client = client
        self._entries = entries
        self._address = address
        self._port = port

    async def run(self) -> None:
        """Register them, then renew their leases for ever."""
        await asyncio.gather(*(self._keep(entry) for entry in self._entries))

    async def _keep(self, entry: NodeEntry) -> None:
        registered = False
        while True:
            try:
                if not registered:
                    await self._register(entry)
                    registered = True
                await self._renew(entry)
                await asyncio.sleep(_RENEW_S)
            except httpx2.HTTPError as error:
                _log.info("node %s: again: %s", entry.name, error)
                await asyncio.sleep(_RETRY_S)

    async def _register(self, entry: NodeEntry) -> None:
        """Create a node; one that an earlier kubelet left is brought up to date."""
        labels = {
            "kubernetes.io/hostname": entry.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            **entry.labels,
        }
        taints = [msgspec.convert(taint, Taint) for taint in entry.taints]
        node = Node(
            metadata=ObjectMeta(name=entry.name, labels=labels), spec=NodeSpec(taints=taints)
        )
        try:
            await self._client.create(node)
        except httpx2.HTTPStatusError as error:
            if error.response.status_code != _EXISTS:
                raise
        await self._client.patch(
            NodeStatus, entry.name, self._status(entry), patch_type=PatchType.STRATEGIC
        )
        _log.info("node %s is registered", entry.name)

    def _status(self, entry: NodeEntry) -> Any:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "its containers are processes",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        return {
            "status": {
                "capacity": entry.capacity,
                "allocatable": entry.capacity,
                "conditions": [ready],
                # No host name: the API server would prefer it, and nothing resolves it.
                "addresses": [{"type": "InternalIP", "address": self._address}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
                "nodeInfo": _info(entry.name),
            }
        }

    async def _renew(self, entry: NodeEntry) -> None:
        """Renew a lease, creating it the first time.

        By a patch: a replacement that doesn't know the stored version is a conflict.
        """
        spec = LeaseSpec(
            holderIdentity=entry.name, leaseDurationSeconds=_LEASE_S, renewTime=datetime.now(UTC)
        )
        lease = Lease(metadata=ObjectMeta(name=entry.name, namespace=_LEASES), spec=spec)
        try:
            await self._client.patch(Lease, entry.name, lease, namespace=_LEASES)
        except httpx2.HTTPStatusError as error:
            if error.response.status_code != _NOT_FOUND:
                raise
            await self._client.create(lease)


def _info(name: str) -> dict[str, str]:
    unknown = ("kernelVersion", "bootID", "kubeProxyVersion")
    return {
        "architecture": "amd64",
        "operatingSystem": "linux",
        "osImage": "processes of this machine",
        "containerRuntimeVersion": "bubblewrap://0",
        "kubeletVersion": _VERSION,
        "machineID": name,
        "systemUUID": name,
        **dict.fromkeys(unknown, ""),
    }

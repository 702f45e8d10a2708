"""The kubelet as a whole: what it follows, and who of its workers is told.

Four stores follow the API server: pods, ConfigMaps, Secrets, EndpointSlices. A pod of ours gets a
worker; a ConfigMap or Secret that changes makes the workers of its namespace look at their volumes;
EndpointSlices make the hosts file.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lightkube import AsyncClient, KubeConfig
from lightkube.config.kubeconfig import SingleConfig
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret
from lightkube.resources.discovery_v1 import EndpointSlice

from weighbridge_lab.errors import LabError
from weighbridge_lab.kubelet.api import Cluster
from weighbridge_lab.kubelet.container import Bubble, ContainerProcess, Launch
from weighbridge_lab.kubelet.containerlogs import ContainerLogs
from weighbridge_lab.kubelet.hosts import HostsFile
from weighbridge_lab.kubelet.images import ImageTable
from weighbridge_lab.kubelet.launching import Host
from weighbridge_lab.kubelet.manifest import Manifest
from weighbridge_lab.kubelet.nodes import Nodes, read_nodes
from weighbridge_lab.kubelet.pods import PodWorker
from weighbridge_lab.kubelet.sandbox import Network, Sandbox
from weighbridge_lab.kubelet.states import BackOff
from weighbridge_lab.kubelet.store import Store
from weighbridge_lab.kubelet.targets import TargetsFile
from weighbridge_lab.layout import NODE_ADDRESS

_log = logging.getLogger(__name__)
LOGS_PORT = 10250
_HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says.

    Attributes:
        kubeconfig: how to reach the API server.
        state: folder for all that this kubelet keeps.
        nodes: file that lists the nodes.
        images: file that says which programme an image is.
        places: what stands for the words in braces in it.
        bridge: what pods are joined to.
        back_off: pauses between restarts.
    """

    kubeconfig: Path
    state: Path
    nodes: Path
    images: Path
    places: Mapping[str, str]
    bridge: str
    back_off: BackOff


class Processes(Network):
    """Sandboxes and processes of this machine: the runtime outside tests."""

    async def start(self, launch: Launch, sandbox: Sandbox) -> ContainerProcess:
        """Start a container."""
        return await Bubble.start(launch, sandbox)


class Kubelet:
    """Runs the pods that are bound to its nodes.

    Args:
        options: of the command line.
    """

    def __init__(self, options: Options) -> None:
        config = _config(options.kubeconfig)
        client = AsyncClient(config, trust_env=False)
        entries = read_nodes(options.nodes)
        api = urlsplit(config.cluster.server)
        self._pods = Store(client, Pod, self._take_pod)
        self._config_maps = Store(client, ConfigMap, self._take_source)
        self._secrets = Store(client, Secret, self._take_source)
        self._slices = Store(client, EndpointSlice, self._take_slice)
        self._nodes = Nodes(client, entries, NODE_ADDRESS, LOGS_PORT)
        self._capacity = {entry.name: entry.capacity for entry in entries}
        self._hosts = HostsFile(options.state / "hosts", api.hostname or NODE_ADDRESS)
        self._targets = TargetsFile(options.state / "targets.json")
        self._host = Host(
            api=Cluster(client, config, self._config_maps, self._secrets),
            runtime=Processes(options.bridge),
            images=ImageTable(options.images, options.places),
            folder=options.state,
            etc=_write_etc(options.state),
            node_address=NODE_ADDRESS,
            api_host=api.hostname or NODE_ADDRESS,
            api_port=api.port or _HTTPS,
            capacity=self._capacity,
            back_off=options.back_off,
        )
        self._logs = ContainerLogs(self._host.logs, self._is_live)
        self._workers: dict[str, PodWorker] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until cancelled; containers end with this process, pods stay in the API."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._nodes.run())
            work.create_task(self._logs.run(NODE_ADDRESS, LOGS_PORT))
            for store in (self._config_maps, self._secrets, self._slices):
                work.create_task(store.run())
            # Else a pod's first look at its volumes would find nothing.
            await self._config_maps.synced.wait()
            await self._secrets.synced.wait()
            work.create_task(self._pods.run())

    def _take_pod(self, pod: Pod, gone: bool) -> None:
        manifest = Manifest(pod)
        worker = self._workers.get(manifest.uid)
        if gone and worker is not None:
            worker.delete(0)
        elif worker is not None:
            worker.update(manifest)
        elif not gone and manifest.node in self._capacity:
            self._employ(manifest)

    def _take_source(self, source: ConfigMap | Secret, gone: bool) -> None:
        namespace = source.metadata.namespace if source.metadata else None
        for worker in self._workers.values():
            # What lost its source keeps what it has.
            if worker.manifest.namespace == namespace and not gone:
                worker.refresh()

    def _take_slice(self, _slice: EndpointSlice, _gone: bool) -> None:
        self._hosts.write(self._slices)

    def _employ(self, manifest: Manifest) -> None:
        _log.info("%s is bound to %s", manifest.title, manifest.node)
        worker = PodWorker(self._host, manifest, self._write_targets)
        self._workers[manifest.uid] = worker
        if manifest.deleted:
            worker.delete(manifest.grace_s)
        task = asyncio.create_task(self._work(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, worker: PodWorker) -> None:
        try:
            await worker.run()
            _log.info("%s is gone", worker.manifest.title)
        except Exception:  # noqa: BLE001 - a fault of ours with one pod must not end the others
            _log.exception("%s: nobody looks after it any more", worker.manifest.title)
        finally:
            del self._workers[worker.manifest.uid]
            self._write_targets()

    def _is_live(self, namespace: str, pod: str, container: str) -> bool:
        return any(
            worker.is_live(container)
            for worker in self._workers.values()
            if (worker.manifest.namespace, worker.manifest.name) == (namespace, pod)
        )

    def _write_targets(self) -> None:
        running = ((worker.manifest, worker.snapshot.address) for worker in self._workers.values())
        self._targets.write((manifest, address) for manifest, address in running if address)


def _config(path: Path) -> SingleConfig:
    config = KubeConfig.from_file(path).get()
    if config is None:
        raise LabError(f"{path}: expected a kubeconfig with a current context")
    return config


def _write_etc(state: Path) -> dict[str, Path]:
    """Write what all containers share of /etc: names come from the hosts file alone."""
    folder = state / "etc"
    folder.mkdir(parents=True, exist_ok=True)
    # Nobody answers there: a name that the hosts file lacks is refused at once.
    texts = {"resolv.conf": f"nameserver {NODE_ADDRESS}\n", "nsswitch.conf": "hosts: files dns\n"}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {"hosts": state / "hosts", **{name: folder / name for name in texts}}

"""Where a lab keeps its files, and the addresses that every lab has inside its own network.

A lab's network is private, so addresses and ports are constants: a second lab has the same ones and
never meets the first. Only the doors, see `doors`, have ports of the host.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weighbridge_lab.errors import LabError

BRIDGE: Final = "cni0"
NODE_ADDRESS: Final = "10.244.0.1"
NODE_NETWORK: Final = f"{NODE_ADDRESS}/16"
SERVICE_NETWORK: Final = "10.96.0.0/16"
SERVICE_ADDRESS: Final = "10.96.0.1"
"""Of the Service ``kubernetes``: nothing answers there, but certificates name it."""

API_PORT: Final = 6443
ETCD_PORT: Final = 2379


@dataclass(frozen=True)
class Layout:
    """The files of one lab, all under one folder.

    Attributes:
        state: the folder; nothing in it outlives the lab but by choice.
    """

    state: Path

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.state / "pki"

    @property
    def bin(self) -> Path:
        """Links to the programmes: kubectl and the like for people, istiod for the kubelet."""
        return self.state / "bin"

    @property
    def logs(self) -> Path:
        """One file per process of the supervisor; those of containers are the kubelet's."""
        return self.state / "logs"

    @property
    def data(self) -> Path:
        """What etcd and the like store."""
        return self.state / "data"

    @property
    def pods(self) -> Path:
        """The kubelet's own folder."""
        return self.state / "kubelet"

    @property
    def hosts(self) -> Path:
        """Names of Services, as pods resolve them."""
        return self.pods / "hosts"

    @property
    def inner_kubeconfig(self) -> Path:
        """For what runs inside the lab."""
        return self.state / "kubeconfig.inside"

    @property
    def kubeconfig(self) -> Path:
        """For people and tests outside: the same, through a door."""
        return self.state / "kubeconfig"

    @property
    def ready(self) -> Path:
        """Written last: the lab is up."""
        return self.state / "ready.json"

    def pod_anchor(self, namespace: str, pod: str) -> int:
        """Give the process, as the lab counts, that holds a pod's network.

        Raises:
            LabError: where the pod runs nothing.
        """
        return int(self._pod(namespace, pod)["pid"])

    def container(self, namespace: str, pod: str, name: str) -> int:
        """Give the first process of a container, as the lab counts.

        Raises:
            LabError: where it does not run.
        """
        running: dict[str, int] = self._pod(namespace, pod)["containers"]
        if name not in running:
            raise LabError(f"{namespace}/{pod} runs {', '.join(running) or 'nothing'}, not {name}")
        return running[name]

    def _pod(self, namespace: str, pod: str) -> dict[str, Any]:
        try:
            text = (self.pods / "pods" / f"{namespace}_{pod}.json").read_text()
        except FileNotFoundError:
            raise LabError(
                f"no pod {namespace}/{pod} runs here; see `kubectl get pods -A`"
            ) from None
        record: dict[str, Any] = json.loads(text)
        return record

    def make(self) -> None:
        """Create the folders.

        Keys lie in them, so they are for their owner only.
        """
        for folder in (self.state, self.pki, self.bin, self.logs, self.data, self.pods):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

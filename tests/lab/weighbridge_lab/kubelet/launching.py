"""From a container of the spec to a command line with all that surrounds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lightkube.models.core_v1 import Container

from weighbridge_lab.kubelet.api import PodApi
from weighbridge_lab.kubelet.container import ContainerProcess, Launch
from weighbridge_lab.kubelet.containerlogs import log_name
from weighbridge_lab.kubelet.environment import Environment, Place, command_of
from weighbridge_lab.kubelet.filesystem import FileSystem
from weighbridge_lab.kubelet.images import ImageTable
from weighbridge_lab.kubelet.manifest import Manifest
from weighbridge_lab.kubelet.sandbox import Sandbox
from weighbridge_lab.kubelet.security import identity_of
from weighbridge_lab.kubelet.states import BackOff
from weighbridge_lab.kubelet.volumes import Volumes


class Runtime(Protocol):
    """What makes sandboxes and processes; the seam at which tests put a fake."""

    async def open(self, sysctls: Mapping[str, str]) -> Sandbox:
        """Make a pod's sandbox."""
        ...

    async def close(self, sandbox: Sandbox) -> None:
        """End it."""
        ...

    async def start(self, launch: Launch, sandbox: Sandbox) -> ContainerProcess:
        """Start a container in it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Host:
    """What all pods of this kubelet share.

    Attributes:
        api: the API server.
        runtime: makes sandboxes and processes.
        images: which programme an image is.
        folder: the kubelet's own.
        etc: files of /etc that every container sees, by name.
        node_address: of all nodes.
        api_host: of the API server, as pods reach it.
        api_port: likewise.
        capacity: of each node, by name.
        back_off: pauses between restarts.
    """

    api: PodApi
    runtime: Runtime
    images: ImageTable
    folder: Path
    etc: Mapping[str, Path]
    node_address: str
    api_host: str
    api_port: int
    capacity: Mapping[str, Mapping[str, str]]
    back_off: BackOff = BackOff()  # noqa: RUF009 - frozen

    @property
    def logs(self) -> Path:
        """Where the output of containers goes."""
        return self.folder / "logs"


@dataclass(frozen=True)
class Launcher:
    """Says how to start the containers of one pod.

    Attributes:
        host: what pods share.
        manifest: the pod.
        place: where it runs.
        volumes: filled.
        folder: the pod's own.
    """

    host: Host
    manifest: Manifest
    place: Place
    volumes: Volumes
    folder: Path

    def launch(self, container: Container) -> Launch:
        """Say how to start one.

        Raises:
            KubeletError: with what is missing or forbidden.
        """
        image = self.host.images.find(container.image or "")
        variables = Environment(self.manifest, self.place, self.host.api).of(container, image)
        identity = identity_of(self.manifest, container, image)
        command = command_of(container, image, variables)
        self.host.logs.mkdir(parents=True, exist_ok=True)
        log = log_name(self.manifest.namespace, self.manifest.name, container.name)
        return Launch(
            command=command,
            env=variables,
            user=identity.user,
            group=identity.group,
            hostname=self.manifest.hostname,
            view=FileSystem(
                etc={**self.host.etc, **identity.write(self.folder / "etc" / container.name)},
                binds=image.binds,
                mounts=self.volumes.mounts(self.manifest, container, variables),
                read_only=identity.read_only,
                folder=container.workingDir,
                programme=command[0],
            ),
            log=self.host.logs / log,
        )

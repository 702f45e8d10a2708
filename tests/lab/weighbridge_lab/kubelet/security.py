"""Who a container runs as, by its own security context, its pod's and its image.

A user namespace of bubblewrap's makes any number possible, for root and for whoever the lab runs
as; /etc/passwd and /etc/group are made to fit, since programmes look themselves up there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lightkube.models.core_v1 import Container, PodSecurityContext, SecurityContext

from weighbridge_lab.kubelet.errors import ConfigError
from weighbridge_lab.kubelet.images import Image
from weighbridge_lab.kubelet.manifest import Manifest

_T = TypeVar("_T")


@dataclass(frozen=True)
class Identity:
    """Who a container is and what it may.

    Attributes:
        user: its number.
        group: likewise.
        read_only: whether its root may not be written to.
    """

    user: int
    group: int
    read_only: bool

    def write(self, folder: Path) -> dict[str, Path]:
        """Write the files of /etc that name it; give them by their name there."""
        users = {0: "root", 65534: "nobody"}
        users.setdefault(self.user, "app")
        groups = {0: "root", 65534: "nogroup"}
        groups.setdefault(self.group, "app")
        folder.mkdir(parents=True, exist_ok=True)
        passwd, group = folder / "passwd", folder / "group"
        passwd.write_text("".join(self._user_line(*entry) for entry in users.items()))
        group.write_text("".join(f"{name}:x:{number}:\n" for number, name in groups.items()))
        return {"passwd": passwd, "group": group}

    def _user_line(self, number: int, name: str) -> str:
        group = self.group if number == self.user else number
        return f"{name}:x:{number}:{group}:{name}:/:/usr/sbin/nologin\n"


def identity_of(manifest: Manifest, container: Container, image: Image) -> Identity:
    """Decide who a container runs as.

    Raises:
        ConfigError: for root where the pod forbids it, and for what this kubelet can't give.
    """
    pod = manifest.spec.securityContext or PodSecurityContext()
    own = container.securityContext or SecurityContext()
    user = _first(own.runAsUser, pod.runAsUser, image.user)
    if _first(own.runAsNonRoot, pod.runAsNonRoot, False) and user == 0:
        raise ConfigError("container has runAsNonRoot and image will run as root")
    if manifest.spec.hostNetwork or manifest.spec.hostPID or own.privileged:
        raise ConfigError(
            "this kubelet gives nobody hostNetwork, hostPID or privileged: its containers are "
            "processes of this machine"
        )
    return Identity(
        user=user,
        group=_first(own.runAsGroup, pod.runAsGroup, 0),
        read_only=bool(own.readOnlyRootFilesystem),
    )


def _first(*values: _T | None) -> _T:
    return next(value for value in values if value is not None)

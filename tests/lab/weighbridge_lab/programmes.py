"""What a lab needs of its machine beside Go: programmes, and the Debian packages that have them."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge_lab.errors import LabError

# A user's PATH often lacks these, and `ip` and `iptables` lie there.
_SYSTEM_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Programme:
    """A command of the machine.

    Attributes:
        name: of the command.
        package: of Debian.
        purpose: what a lab does with it.
    """

    name: str
    package: str
    purpose: str


PROGRAMMES: Final = (
    Programme("bwrap", "bubblewrap", "containers"),
    Programme("curl", "curl", "asking in a pod's network"),
    Programme("ip", "iproute2", "the pods' network"),
    Programme("iptables", "iptables", "addresses of Services"),
    Programme("nsenter", "util-linux", "joining a pod's network"),
    Programme("prometheus", "prometheus", "metrics that canaries are judged by"),
    Programme("unshare", "util-linux", "a network of the lab's own"),
)
# What `make lab-test` asks for beside the lab, which does without.
TESTED_WITH: Final = (
    Programme("amtool", "prometheus-alertmanager", "routes of alerts"),
    Programme("prometheus-alertmanager", "prometheus-alertmanager", "alerts that silence others"),
    Programme("promtool", "prometheus", "rules and their tests"),
)


def find_programme(name: str) -> str | None:
    """Return where a command lies, sbin folders included; None: nowhere."""
    folders = [os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS]
    return shutil.which(name, path=os.pathsep.join(folders))


def missing_programmes(wanted: Sequence[Programme] = PROGRAMMES) -> tuple[Programme, ...]:
    """Return those of the lab's programmes, or of others, that this machine lacks."""
    return tuple(programme for programme in wanted if find_programme(programme.name) is None)


def packages(programmes: Sequence[Programme]) -> list[str]:
    """Return the Debian packages that have them, each once."""
    return sorted({programme.package for programme in programmes})


def require_programmes(wanted: Sequence[Programme] = PROGRAMMES) -> None:
    """Do nothing where all are there.

    Raises:
        LabError: it names what is missing, what for, and how to install it.
    """
    missing = missing_programmes(wanted)
    if missing:
        named = ", ".join(f"{programme.name} ({programme.purpose})" for programme in missing)
        install = f"apt-get install {' '.join(packages(missing))}"
        raise LabError(f"the lab needs programmes that this machine lacks: {named}; `{install}`")

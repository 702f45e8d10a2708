"""The walls of a lab: namespaces of the kernel's, and the ways through them.

A lab has a network, mounts and process ids of its own. Its supervisor is process 1 of that world,
so the kernel ends everything in it when the supervisor ends, however it ends: a crash leaves no
process, no address and no interface behind. Whoever is not root becomes so inside the walls only,
by a user namespace.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence

from weighbridge_lab.errors import LabError

_ROOTLESS = ("--user", "--map-root-user")


def is_root() -> bool:
    """Whether no user namespace is needed."""
    return os.geteuid() == 0


def enclose(command: Sequence[str]) -> list[str]:
    """Give the command line that runs a command as process 1 behind walls of its own.

    It ends, with all it started, when `unshare` is killed.
    """
    rootless = () if is_root() else _ROOTLESS
    walls = ("--net", "--pid", "--mount", "--ipc", "--uts", "--mount-proc")
    return ["unshare", *rootless, *walls, "--fork", "--kill-child", "--", *command]


def enter(pid: int, command: Sequence[str]) -> list[str]:
    """Give the command line that runs a command behind the walls around `pid`, in our folder."""
    user = () if is_root() else ("--user", "--preserve-credentials")
    walls = ("--net", "--pid", "--mount", "--ipc", "--uts")
    return ["nsenter", "--target", str(pid), *user, *walls, "--wdns=.", "--", *command]


def check_walls() -> None:
    """Try the walls.

    Raises:
        LabError: where this system does not permit them.
    """
    for programme in ("unshare", "nsenter"):
        if shutil.which(programme) is None:
            raise LabError(f"the lab needs `{programme}` (Debian package util-linux): install it")
    tried = subprocess.run(enclose(["true"]), capture_output=True, text=True, check=False)
    if tried.returncode:
        raise LabError(
            "this system permits no namespaces to this user: run the lab as root, or permit "
            f"unprivileged user namespaces. unshare said: {tried.stderr.strip()}"
        )

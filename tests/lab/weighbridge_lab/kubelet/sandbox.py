"""A pod's sandbox: a network namespace joined to the bridge, and the process that holds it.

What comes in is the pod's name for people and its sysctls; what goes out is an address that works
from the node and from other pods, until the sandbox is closed.
"""

import asyncio
import ipaddress
import secrets
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from weighbridge_lab.kubelet.errors import StartError
from weighbridge_lab.layout import BRIDGE, NODE_ADDRESS, NODE_NETWORK

_NETWORK: Final = ipaddress.IPv4Interface(NODE_NETWORK).network
# The first 256 are for the node and whatever else stands on the bridge.
_RESERVED: Final = 256
_NAMESPACED: Final = ("net.", "kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")


class Addresses:
    """Allots pod addresses, going round the whole network before one comes again.

    Whoever still has the address of a dead pod (a proxy, an open connection) must not meet another
    pod under it; 65,000 pods lie between.
    """

    def __init__(self, network: ipaddress.IPv4Network = _NETWORK) -> None:
        self._network = network
        self._next = _RESERVED
        self._taken: set[str] = set()

    def take(self) -> str:
        """Give an address that nobody has.

        Raises:
            StartError: when all are taken.
        """
        last = self._network.num_addresses - 1
        for _ in range(_RESERVED, last):
            address = str(self._network[self._next])
            self._next = self._next + 1 if self._next + 1 < last else _RESERVED
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise StartError(f"all pod addresses of {self._network} are taken: delete some pods")

    def give_back(self, address: str) -> None:
        """Say that an address is free."""
        self._taken.discard(address)


@dataclass(frozen=True)
class Sandbox:
    """A pod's network.

    Attributes:
        address: the pod's.
        pid: a process in the network namespace.
        holder: that process; it ends when its input does, so also when this kubelet crashes.
    """

    address: str
    pid: int
    holder: Process | None = field(default=None, repr=False)

    @property
    def network(self) -> str:
        """Path of the network namespace."""
        return f"/proc/{self.pid}/ns/net"


class Network:
    """Opens and closes sandboxes.

    Args:
        bridge: what pods are joined to.
    """

    def __init__(self, bridge: str = BRIDGE) -> None:
        self._bridge = bridge
        self._addresses = Addresses()

    async def open(self, sysctls: Mapping[str, str]) -> Sandbox:
        """Make a sandbox.

        Raises:
            StartError: with the words of the command that failed.
        """
        check_sysctls(sysctls)
        address = self._addresses.take()
        holder = await _hold()
        sandbox = Sandbox(address, holder.pid, holder)
        try:
            await self._join(sandbox)
            await self._configure(sandbox, sysctls)
        except BaseException:
            await self.close(sandbox)
            raise
        return sandbox

    async def close(self, sandbox: Sandbox) -> None:
        """End a sandbox; the kernel removes its interfaces."""
        if sandbox.holder is not None and sandbox.holder.stdin is not None:
            sandbox.holder.stdin.close()
            await sandbox.holder.wait()
        self._addresses.give_back(sandbox.address)

    async def _join(self, sandbox: Sandbox) -> None:
        interface = f"veth{secrets.token_hex(4)}"
        await _ip(
            f"link add {interface} type veth peer name eth0 netns {sandbox.pid}",
            f"link set {interface} master {self._bridge} up",
        )

    async def _configure(self, sandbox: Sandbox, sysctls: Mapping[str, str]) -> None:
        inside = ("nsenter", f"--net={sandbox.network}", "--")
        await _ip(
            "link set lo up",
            f"address add {sandbox.address}/{_NETWORK.prefixlen} dev eth0",
            "link set eth0 up",
            f"route add default via {NODE_ADDRESS}",
            prefix=inside,
        )
        for name, value in sysctls.items():
            path = f"/proc/sys/{name.replace('.', '/')}"
            await run([*inside, "tee", path], value)


def check_sysctls(sysctls: Iterable[str]) -> None:
    """Refuse those that would change the whole machine.

    Raises:
        StartError: naming it.
    """
    for name in sysctls:
        if not name.startswith(_NAMESPACED):
            raise StartError(f"sysctl {name} is not a pod's own: expected one of {_NAMESPACED}")


async def _hold() -> Process:
    # `cat` says it is there by echoing a line: by then the namespace exists.
    unshare = shutil.which("unshare") or "unshare"
    holder = await asyncio.create_subprocess_exec(
        unshare, "--net", "--", "cat", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(b"\n")
    if not await holder.stdout.readline():
        raise StartError("`unshare --net` failed: a kubelet needs root in its own user namespace")
    return holder


async def _ip(*lines: str, prefix: tuple[str, ...] = ()) -> None:
    await run([*prefix, "ip", "-batch", "-"], "\n".join(lines) + "\n")


async def run(argv: list[str], text: str = "") -> None:
    """Run a command of the machine's, with `text` to read.

    Raises:
        StartError: with its words, when it fails.
    """
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    _, errors = await process.communicate(text.encode())
    if process.returncode:
        said = errors.decode(errors="replace").strip()
        raise StartError(f"`{' '.join(argv)}` ended with {process.returncode}: {said}")

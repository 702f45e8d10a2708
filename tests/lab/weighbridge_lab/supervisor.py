"""Process 1 of a lab: raises the network, runs control plane and kubelet, serves the doors.

Started behind the walls with a plan, `python -m weighbridge_lab.supervisor PLAN`, it writes the
ready file once the API server answers. It ends on SIGTERM, when its leash (standard input) is let
go, or when something that it runs ends by itself; everything else in the lab ends with it.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NoReturn, Self

from weighbridge_lab import controlplane
from weighbridge_lab.doors import Address, open_doors
from weighbridge_lab.errors import LabError
from weighbridge_lab.layout import BRIDGE, NODE_ADDRESS, Layout
from weighbridge_lab.network import raise_network
from weighbridge_lab.processes import Running, Spec

_BURY_EVERY_S: Final = 0.5


@dataclass(frozen=True)
class Door:
    """A way in.

    Attributes:
        name: for people.
        descriptor: of the listening socket, inherited.
        host: address inside, or a Service's name as pods resolve it.
        port: inside.
    """

    name: str
    descriptor: int
    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the outside tells the supervisor.

    Attributes:
        state: the lab's folder.
        nodes: file that lists the nodes.
        images: file that says which programme an image is.
        places: what the words in braces of that file stand for, beside the kubelet's own.
        doors: ways in.
        leashed: end when standard input does.
    """

    state: str
    nodes: str
    images: str
    places: dict[str, str]
    doors: tuple[Door, ...]
    leashed: bool

    def write(self, path: Path) -> None:
        """Store it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Load what `write` stored."""
        raw = json.loads(path.read_text())
        return cls(**{**raw, "doors": tuple(Door(**door) for door in raw["doors"])})


class Supervisor:
    """Runs what a plan says."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._layout = Layout(Path(plan.state))
        self._running: list[Running] = []

    async def run(self) -> None:
        """Bring the cluster up, serve until told to end, take it down.

        Raises:
            LabError: when a process does not start, or ends by itself.
        """
        told = asyncio.create_task(self._until_told())
        burying = asyncio.create_task(bury_orphans())
        try:
            raise_network()
            await self._start(*self._api())
            await open_doors({door.descriptor: self._resolver(door) for door in self._plan.doors})
            await self._start(*self._workers())
            self._layout.ready.write_text(json.dumps({"pid": os.getpid()}))
            await self._until_over(told)
        finally:
            self._layout.ready.unlink(missing_ok=True)
            # The last started ends first; one after the other, so that nobody mourns the API.
            for process in reversed(self._running):
                await process.stop()
            burying.cancel()

    def _api(self) -> tuple[Spec, ...]:
        return (
            controlplane.etcd(self._layout, self._binary("etcd")),
            controlplane.api_server(self._layout, self._binary("kube-apiserver")),
        )

    def _workers(self) -> tuple[Spec, ...]:
        manager = self._binary("kube-controller-manager")
        return (
            controlplane.controller_manager(self._layout, manager),
            controlplane.scheduler(self._layout, self._binary("kube-scheduler")),
            self._kubelet(),
        )

    def _kubelet(self) -> Spec:
        options = {
            "--kubeconfig": self._layout.inner_kubeconfig,
            "--state": self._layout.pods,
            "--nodes": self._plan.nodes,
            "--images": self._plan.images,
            "--binaries": self._layout.bin,
            "--bridge": BRIDGE,
        }
        words = [str(word) for option in options.items() for word in option]
        places = [f"--place={name}={path}" for name, path in self._plan.places.items()]
        argv = [sys.executable, "-m", "weighbridge_lab.kubelet", *words, *places]
        return Spec(name="kubelet", argv=argv, stop_timeout_s=15.0)

    def _binary(self, name: str) -> Path:
        return self._layout.bin / name

    async def _start(self, *specs: Spec) -> None:
        env = {**os.environ, "PATH": f"{self._layout.bin}:{os.environ['PATH']}"}
        started = [await Running.start(spec, self._layout.logs, env) for spec in specs]
        self._running += started
        await asyncio.gather(*(process.until_ready() for process in started))

    def _resolver(self, door: Door) -> "_Resolver":
        return _Resolver(self._layout.hosts, door)

    async def _until_over(self, told: asyncio.Task[None]) -> None:
        ends = [asyncio.create_task(process.until_ended()) for process in self._running]
        done, _ = await asyncio.wait([told, *ends], return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        if told not in done:
            raise next(task.result() for task in ends if task in done)

    async def _until_told(self) -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, over.set)
        if self._plan.leashed:
            loop.add_reader(sys.stdin.fileno(), over.set)
        await over.wait()
        if self._plan.leashed:
            loop.remove_reader(sys.stdin.fileno())


async def bury_orphans() -> NoReturn:
    """Wait for the dead that nobody waits for; they are children of process 1, which this is.

    The kernel ends a container only when the last of its dead is buried.
    """
    found: set[int] = set()
    while True:
        # Children of our own are waited for by asyncio, and gone long before the second look.
        dead = {pid for pid in _children() if _is_dead(pid)}
        for pid in dead & found:
            _bury(pid)
        found = dead
        await asyncio.sleep(_BURY_EVERY_S)


def _bury(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _children() -> list[int]:
    lists = Path("/proc/self/task").glob("*/children")
    return [int(pid) for path in lists for pid in path.read_text().split()]


def _is_dead(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(")")[2].split()[0] == "Z"


class _Resolver:
    """Says where a door leads at the moment: pods come and go, their Service's name stays."""

    def __init__(self, hosts: Path, door: Door) -> None:
        self._hosts = hosts
        self._door = door

    def __call__(self) -> Address:
        if self._door.host == NODE_ADDRESS:
            return self._door.host, self._door.port
        for line in self._hosts.read_text().splitlines():
            words = line.split()
            if self._door.host in words[1:]:
                return words[0], self._door.port
        raise LookupError(self._door.host)


def main() -> None:
    """Run the plan that the command line names."""
    plan = Plan.read(Path(sys.argv[1]))
    try:
        asyncio.run(Supervisor(plan).run())
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

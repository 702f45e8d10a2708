"""A cluster, seen from outside: started behind its walls, reached through its doors, stopped.

`Cluster` is plain Kubernetes; what is installed into it is `installation`'s business.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge_lab.doors import make_door
from weighbridge_lab.errors import CommandError, LabError
from weighbridge_lab.layout import API_PORT, NODE_ADDRESS, Layout
from weighbridge_lab.namespaces import check_walls, enclose, enter
from weighbridge_lab.pki import write_pki
from weighbridge_lab.supervisor import Door, Plan

API_DOOR = "api"
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 30.0
_POLL_S = 0.05
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Entrance:
    """A door to be made.

    Attributes:
        host: address inside, or a Service's full name.
        port: inside.
        outside: the host's port; 0: a free one.
    """

    host: str
    port: int
    outside: int = 0


class Cluster:
    """A running cluster.

    Args:
        state: folder for its files; emptied before it starts.
        binaries: the control plane's by name, and others that images name or people use.
        entrances: doors beside the API server's, by name.
        leashed: it ends when this process does.
        places: folders that the file of images names, see `kubelet.images`.
        nodes: file that lists its nodes.
        images: file that says which programme an image is.
    """

    def __init__(
        self,
        state: Path,
        binaries: Mapping[str, Path],
        entrances: Mapping[str, Entrance] | None = None,
        *,
        leashed: bool = True,
        places: Mapping[str, Path] | None = None,
        nodes: Path = _HERE / "nodes.yaml",
        images: Path = _HERE / "images.yaml",
    ) -> None:
        self.layout = Layout(state.resolve())
        self._binaries = binaries
        self.ports: dict[str, int] = {}
        self._entrances = {API_DOOR: Entrance(NODE_ADDRESS, API_PORT), **(entrances or {})}
        self._leashed = leashed
        self._places = places or {}
        self._nodes = nodes
        self._images = images
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until the API server answers and nodes can register.

        Raises:
            LabError: with the end of the log of what failed.
        """
        check_walls()
        shutil.rmtree(self.layout.state, ignore_errors=True)
        self.layout.make()
        for name, binary in self._binaries.items():
            (self.layout.bin / name).symlink_to(binary)
        doors = {name: make_door(entrance.outside) for name, entrance in self._entrances.items()}
        try:
            self.ports = {name: door.getsockname()[1] for name, door in doors.items()}
            write_pki(self.layout, self.ports[API_DOOR])
            self._launch({name: door.fileno() for name, door in doors.items()})
        finally:
            for door in doors.values():
                door.close()
        self._wait()

    def stop(self) -> None:
        """End it, and all that runs in it."""
        if self._process is None:
            return
        supervisor = self.supervisor
        if supervisor is not None:
            os.kill(supervisor, signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and the kernel ends the rest
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()
        self._process = None

    def inside(self, command: Sequence[str]) -> list[str]:
        """Give the command line that runs a command in the cluster's namespaces.

        Raises:
            LabError: when it is not running.
        """
        supervisor = self.supervisor
        if supervisor is None:
            raise LabError("the lab is not running")
        return enter(supervisor, command)

    def run(self, *command: str, text: str | None = None, timeout_s: float = 120.0) -> str:
        """Run one of the lab's commands (kubectl, helm, istioctl) outside, against its API server.

        Args:
            command: its words.
            text: what it reads on standard input.
            timeout_s: after which it is killed.

        Returns:
            What it wrote to standard output.

        Raises:
            CommandError: with all that it wrote, when it fails.
        """
        words = list(command)
        ran = subprocess.run(
            words,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            env=self.env,
        )
        if ran.returncode:
            raise CommandError(words, ran.returncode, ran.stdout + ran.stderr)
        return ran.stdout

    @property
    def supervisor(self) -> int | None:
        """Process 1 inside, as the host counts: the only child of `unshare`. None: not running."""
        if self._process is None or self._process.poll() is not None:
            return None
        return only_child(self._process.pid)

    @property
    def env(self) -> dict[str, str]:
        """Environment for commands that talk to the cluster."""
        return {
            **os.environ,
            "PATH": f"{self.layout.bin}:{os.environ['PATH']}",
            "KUBECONFIG": str(self.layout.kubeconfig),
        }

    def _launch(self, descriptors: Mapping[str, int]) -> None:
        plan = self.layout.state / "plan.json"
        Plan(
            state=str(self.layout.state),
            nodes=str(self._nodes),
            images=str(self._images),
            places={name: str(path) for name, path in self._places.items()},
            doors=tuple(
                Door(name, descriptors[name], entrance.host, entrance.port)
                for name, entrance in self._entrances.items()
            ),
            leashed=self._leashed,
        ).write(plan)
        supervisor = [sys.executable, "-m", "weighbridge_lab.supervisor", str(plan)]
        with (self.layout.logs / "supervisor.log").open("ab") as log:
            self._process = subprocess.Popen(
                enclose(supervisor),
                stdin=subprocess.PIPE if self._leashed else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=tuple(descriptors.values()),
                start_new_session=True,
            )

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self.layout.ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self.layout.logs / "supervisor.log").read_text(errors="replace").strip()
                self.stop()
                raise LabError(f"the cluster did not start; its supervisor said:\n{said}")
            time.sleep(_POLL_S)


def only_child(pid: int) -> int | None:
    """Give the process id of the only child, None where it has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return None
    return int(children[0]) if children else None

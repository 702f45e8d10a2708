"""What became of the cluster's objects while a rollout ran, and when: every version of each.

Asked now and then, an API server tells what is; a weight that was in force for a second, or the
measurement that failed, is over by then. This listens: ``kubectl get --watch`` for each kind, every
object kept with the time at which it came. Times are seconds of the wall clock, as in logs.
"""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from weighbridge_lab.errors import LabError
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.pools import POOLS_NAMESPACE

if TYPE_CHECKING:
    from weighbridge_lab.cluster import Cluster

_T = TypeVar("_T")
KINDS = {
    "rollout": POOLS_NAMESPACE,
    "analysisrun": POOLS_NAMESPACE,
    "pod": POOLS_NAMESPACE,
    "virtualservice": INGRESS,
}
"""What is listened to, and in which namespace."""
_DELETED = "DELETED"


@dataclass(frozen=True)
class Event:
    """A version of an object.

    Attributes:
        at: when it came.
        kind: one of `KINDS`.
        object: as the API server gave it.
        deleted: it is its last.
    """

    at: float
    kind: str
    object: dict[str, Any]
    deleted: bool

    @property
    def name(self) -> str:
        """Name of the object."""
        name: str = self.object["metadata"]["name"]
        return name


class Chronicle:
    """Listens while a block runs.

    Args:
        cluster: whose objects.
    """

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._events: list[Event] = []
        self._came = threading.Condition()
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for kind, namespace in KINDS.items():
            command = ["kubectl", "get", kind, "--namespace", namespace, "--output=json"]
            process = subprocess.Popen(
                [*command, "--watch", "--output-watch-events"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=self._cluster.env,
            )
            assert process.stdout is not None
            reader = threading.Thread(target=self._read, args=(kind, process.stdout), daemon=True)
            reader.start()
            self._processes.append(process)
            self._readers.append(reader)
        return self

    def __exit__(self, *_: object) -> None:
        for process, reader in zip(self._processes, self._readers, strict=True):
            process.kill()
            process.wait()
            reader.join()
            assert process.stdout is not None
            process.stdout.close()

    def events(self, kind: str, name: str | None = None, since: float = 0.0) -> list[Event]:
        """Give the versions that came since then, in order; `name`: of one object."""
        with self._came:
            kept = [event for event in self._events if event.kind == kind and event.at >= since]
        return [event for event in kept if name in (None, event.name)]

    def latest(self, kind: str, name: str) -> dict[str, Any] | None:
        """Give an object as it is now; None: it is gone, or never was."""
        found = self.events(kind, name)
        return None if not found or found[-1].deleted else found[-1].object

    def until_known(self, kind: str, names: Iterable[str]) -> None:
        """Wait until objects of these names have been told of.

        Raises:
            LabError: one was not.
        """
        for name in names:
            self.until(f"{kind} {name} is known", partial(self.latest, kind, name))

    def until(self, what: str, look: Callable[[], _T], timeout_s: float = 60.0) -> _T:
        """Look whenever something has come, until there is something to see.

        Raises:
            LabError: when it did not come, with what was seen last.
        """
        deadline = time.monotonic() + timeout_s
        while not (seen := look()):
            with self._came:
                left = deadline - time.monotonic()
                if left <= 0 or not self._came.wait(left):
                    break
        if not (seen := seen or look()):
            raise LabError(f"{what}: not after {timeout_s:.0f} s; seen last: {seen!r}")
        return seen

    def _read(self, kind: str, stream: IO[str]) -> None:
        for line in stream:  # a document each
            document = json.loads(line)
            deleted = document["type"] == _DELETED
            event = Event(time.time(), kind, document["object"], deleted)
            with self._came:
                self._events.append(event)
                self._came.notify_all()

"""Where a pod's processes are, for whoever looks into pods from outside: a file per pod.

    pods/NAMESPACE_NAME.json    {"pid": 71, "address": "10.244.1.0", "containers": {"router": 75}}

`pid` holds the pod's network; those of containers are their first processes, to be stopped or
looked at. Numbers are those of the lab's own process ids.
"""

import json
from pathlib import Path
from typing import Any

from weighbridge_lab.kubelet.sandbox import Sandbox


class Record:
    """One pod's file.

    Args:
        folder: where all of them lie.
        namespace: the pod's.
        name: the pod's.
    """

    def __init__(self, folder: Path, namespace: str, name: str) -> None:
        self._path = folder / f"{namespace}_{name}.json"
        self._said: dict[str, Any] = {}

    def open(self, sandbox: Sandbox) -> None:
        """Say that the pod has a sandbox."""
        self._said = {"pid": sandbox.pid, "address": sandbox.address, "containers": {}}
        self._write()

    def add(self, container: str, pid: int) -> None:
        """Say that a container was started, for the first time or again."""
        self._said["containers"][container] = pid
        self._write()

    def remove(self) -> None:
        """Say that the pod is over."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self._said))
        new.replace(self._path)

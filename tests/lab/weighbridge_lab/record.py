"""What a lab that was left up leaves for the next command: where it is, and how to enter it."""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from weighbridge_lab.errors import LabError
from weighbridge_lab.layout import Layout
from weighbridge_lab.namespaces import enter

if TYPE_CHECKING:
    from weighbridge_lab.lab import Lab

_FILE = "lab.json"
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Record:
    """A lab that is up.

    Attributes:
        state: its folder.
        pid: of its supervisor, as the host counts.
        born: when that process started, in the kernel's ticks: process ids come round again.
        ports: the host's, by door.
    """

    state: str
    pid: int
    born: int
    ports: dict[str, int]

    @classmethod
    def of(cls, lab: "Lab") -> Self:
        """Describe a running lab."""
        cluster = lab.cluster
        pid = cluster.supervisor
        born = _born(pid) if pid else None
        if pid is None or born is None:
            raise LabError("the lab is not running")
        return cls(str(cluster.layout.state), pid, born, cluster.ports)

    @classmethod
    def find(cls, state: Path) -> Self | None:
        """Read the record of a lab, None unless it is up."""
        try:
            found = cls(**json.loads((state / _FILE).read_text()))
        except FileNotFoundError:
            return None
        return found if _born(found.pid) == found.born else None

    def write(self) -> None:
        """Store it in the lab's folder."""
        (Path(self.state) / _FILE).write_text(json.dumps(asdict(self)))

    def end(self) -> None:
        """End the lab: told first, killed where it does not listen."""
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + _PATIENCE_S
        while _born(self.pid) == self.born:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.05)

    def inside(self, command: Sequence[str], pod: str | None = None) -> list[str]:
        """Give the command line that runs a command in the lab, or in a pod's network."""
        if pod is None:
            return enter(self.pid, command)
        anchor = self.layout.pod_anchor(*pod.partition("/")[::2])
        return enter(self.pid, ["nsenter", "--target", str(anchor), "--net", "--", *command])

    @property
    def layout(self) -> Layout:
        """Where its files are."""
        return Layout(Path(self.state))

    def guide(self) -> str:
        """Say how to look around."""
        gateway = f"http://127.0.0.1:{self.ports['gateway']}"
        guide = _GUIDE.format(
            gateway=gateway,
            binaries=self.layout.bin,
            kubeconfig=self.layout.kubeconfig,
            logs=self.layout.logs,
            pods=self.layout.pods / "logs",
        )
        if "prometheus" not in self.ports:
            return guide
        return guide + _CANARIES.format(prometheus=f"http://127.0.0.1:{self.ports['prometheus']}")


_GUIDE = """\
The endpoint: {gateway}

  curl {gateway}/v1/chat/completions -H 'content-type: application/json' -d \\
    '{{"model": "auto", "messages": [{{"role": "user", "content": "Capital of France?"}}]}}'

To look around:

  export PATH={binaries}:$PATH KUBECONFIG={kubeconfig}
  kubectl get pods --all-namespaces
  kubectl --namespace istio-ingress get virtualservice,destinationrule,envoyfilter --output yaml
  kubectl argo rollouts list rollouts --all-namespaces
  istioctl analyze --all-namespaces
  python -m weighbridge_lab proxy-config routes    (clusters, listeners, endpoints, bootstrap, …)
  python -m weighbridge_lab inside --pod llm/POD curl -s localhost:8000/metrics

Logs of the control plane: {logs}; of containers: {pods}
`make lab-down` ends it.
"""

_CANARIES = """
Prometheus: {prometheus}

A canary, and how it goes (another healthy version; a slow one has `--ttft-factor=4` beside):

  helm upgrade gemma-small models/chart --namespace llm --reuse-values \\
    --set-json 'vllm.extraArgs=["--ttft-ms=300", "--itl-ms=55"]' --set podAnnotations.version=b
  kubectl argo rollouts get rollout gemma-small --namespace llm --watch
"""


def _born(pid: int) -> int | None:
    """Read when a process started; None if there is none (a zombie is none)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])

"""What the gateway's Envoy says of each request: to which pod it sent it, and what became of it.

The access log is the witness that neither the client nor Argo is: it names the server. Read from
the files that the kubelet keeps, also of gateways that are gone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weighbridge_lab.installation import INGRESS

if TYPE_CHECKING:
    from weighbridge_lab.layout import Layout

_SERVER_FAULT = 500


@dataclass(frozen=True)
class Request:
    """A request, as the gateway has logged it.

    Attributes:
        at: when it began, by the wall clock.
        route: name of the VirtualService's route.
        cluster: that it was sent to, as ``outbound|8000|canary|gemma-small.…``; empty: to none.
        server: address of the pod; empty: none had it.
        status: of HTTP; 0: none was sent.
        flags: Envoy's, of what went wrong; empty: nothing did.
    """

    at: float
    route: str
    cluster: str
    server: str
    status: int
    flags: str

    @property
    def failed(self) -> bool:
        """Whether an honest client calls it failed."""
        return self.status >= _SERVER_FAULT or self.status == 0 or bool(self.flags)

    @property
    def subset(self) -> str:
        """Subset of the pool, `stable` or `canary`."""
        return (self.cluster.split("|") + [""] * 3)[2]


def requests(layout: "Layout", since: float) -> list[Request]:
    """Read the requests to pools that began since then, in the order in which they ended."""
    folder = layout.pods / "logs"
    logs = sorted(folder.glob(f"{INGRESS}_{INGRESS}-*_istio-proxy.log"))
    read = (request for log in logs for request in _read(log))
    return [request for request in read if request.at >= since and request.route]


def _read(log: Path) -> Iterator[Request]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            # pilot-agent and Envoy say other things beside; the last line may be half written.
            if '"request_id"' in line and line.endswith("}\n"):
                yield _request(json.loads(line[line.index("{") :]))


def _request(entry: dict[str, Any]) -> Request:
    return Request(
        at=datetime.fromisoformat(entry["time"]).timestamp(),
        route=entry.get("route") or "",
        cluster=(entry.get("upstream_cluster") or "").rstrip(";"),
        server=(entry.get("upstream_host") or "").partition(":")[0],
        status=int(entry.get("status") or 0),
        flags=(entry.get("flags") or "").replace("-", ""),
    )

"""Knowing that what was applied is in force: neither kubectl nor Helm wait for the data plane.

The gateway is asked for a mark that is applied last: istiod takes changes in the order in which
they come, and an Envoy has its routes last, so whoever answers with the mark has heard of
everything before it. Routers tell the digest of the settings by which they decide.
"""

import tempfile
import urllib.request
import uuid
from functools import cache
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

from weighbridge.generation import Generation

from weighbridge_lab.installation import INGRESS
from weighbridge_lab.waiting import until

if TYPE_CHECKING:
    from weighbridge_lab.lab import Lab

_HOST = "mark.lab.internal"
_NAME = "lab-mark"
_METRICS = ("curl", "--silent", "--fail", "localhost:9090/metrics")
_ROUTER = "weighbridge-router"
_NAMESPACE = "weighbridge"


def until_gateway_heard(lab: "Lab") -> None:
    """Wait until the gateway goes by all that was applied before; it must serve plain HTTP.

    Raises:
        LabError: when it does not hear.
    """
    mark = uuid.uuid4().hex
    lab.apply([_marking(mark)])
    try:
        until("the gateway answers with the mark", lambda: _answer(lab.gateway) == mark)
    finally:
        lab.kubectl("delete", "virtualservice", _NAME, f"--namespace={INGRESS}", "--wait=false")


def until_routers_read(lab: "Lab") -> None:
    """Wait until every router decides by the settings of the ConfigMap.

    Raises:
        LabError: when one does not, as with settings that it refuses.
    """
    text = lab.get("configmap", _ROUTER, _NAMESPACE)["data"]["settings.yaml"]
    wanted = f'settings="{_digest(text)}"'
    until(f"every router says {wanted}", lambda: all(wanted in told for told in generations(lab)))


def generations(lab: "Lab") -> list[str]:
    """What each router says of the settings by which it decides."""
    scraped = [
        lab.in_pod(_NAMESPACE, pod, _METRICS).splitlines() for pod in lab.pods(_NAMESPACE, _ROUTER)
    ]
    return [
        line
        for lines in scraped
        for line in lines
        if line.startswith("weighbridge_generation_info")
    ]


@cache
def _digest(text: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return Generation.load(Path(file.name)).settings_digest


def _answer(gateway: str) -> str | None:
    request = urllib.request.Request(gateway, headers={"host": _HOST})  # noqa: S310 - http, ours
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - the same
            body: bytes = response.read()
            return body.decode() if response.status == HTTPStatus.OK else None
    except (URLError, HTTPException):
        return None


def _marking(mark: str) -> dict[str, object]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": _NAME, "namespace": INGRESS},
        "spec": {
            "hosts": [_HOST],
            "gateways": ["weighbridge-mesh"],
            "http": [{"directResponse": {"status": 200, "body": {"string": mark}}}],
        },
    }

"""How long a change takes to reach the data plane: made again and again, while prompts are asked.

The clock starts with the command (kubectl, helm) and stops at the first answer after which every
answer is by the new configuration. Changes of settings count only when the last router has read
them. Comes as a table, for docs/benchmarks.md.
"""

import json
import os
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
import yaml

from weighbridge_lab.client import EASY
from weighbridge_lab.errors import LabError
from weighbridge_lab.installation import INGRESS, REPOSITORY
from weighbridge_lab.lab import Lab
from weighbridge_lab.reports import report

_PAUSE_S = 0.005
_MEBIBYTE = 1 << 20
_DRAIN = REPOSITORY / "docs" / "recipes" / "mesh-drain-small.yaml"
_MODELS = ("gemma-2-9b-it", "llama-3.3-70b-instruct")
_ALL_TO_LARGE = {"settings": {"policy": {"threshold": 0.0}}}

Change = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """A change and its undoing, which are made in turn.

    Attributes:
        name: for people.
        command: what makes it.
        there: send an easy prompt to the large pool.
        back: send it to the small one again.
    """

    name: str
    command: str
    there: Change
    back: Change


@dataclass(frozen=True)
class Took:
    """Seconds that one change took.

    Attributes:
        command: until the command had ended.
        effect: until the first answer after which all are by it.
    """

    command: float
    effect: float

    @property
    def waiting(self) -> float:
        """Seconds from the command's end; none where the effect came first."""
        return max(self.effect - self.command, 0.0)


def cases(lab: Lab) -> Iterable[Case]:
    """List what is measured."""
    return (
        Case(
            "route in the VirtualService",
            "kubectl patch",
            lambda: _route_to(lab, "llama-large"),
            lambda: _route_to(lab, "gemma-small"),
        ),
        Case(
            "route in the mesh's values",
            "helm upgrade",
            lambda: lab.install_mesh(_DRAIN, force=True),
            lambda: lab.install_mesh(force=True),
        ),
        Case(
            "threshold in the ConfigMap",
            "kubectl patch",
            lambda: _set_threshold(lab, 0.0),
            lambda: _set_threshold(lab, 0.5),
        ),
        Case(
            "threshold in the router's values",
            "helm upgrade",
            lambda: lab.install_router(_ALL_TO_LARGE, force=True),
            lambda: lab.install_router(force=True),
        ),
    )


def measure_change(
    change: Change,
    ask: Callable[[], str],
    wanted: str,
    hold_s: float = 1.0,
    timeout_s: float = 60.0,
) -> Took:
    """Make a change, and ask until it has been in effect for a while.

    Args:
        change: returns when the command has ended.
        ask: returns what tells old and new configuration apart.
        wanted: what it returns by the new one.
        hold_s: for which it must have returned nothing else.
        timeout_s: after which the change has had no effect.

    Raises:
        LabError: when the change fails or has no effect.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(1) as side:
        ended = side.submit(_timed, change)
        since = None
        while not _has_held(ended, since, hold_s):
            sent = time.monotonic()
            if sent - began > timeout_s:
                raise LabError(f"not in effect after {timeout_s:g} s: expected {wanted!r}")
            if ask() != wanted:
                since = None
            elif since is None:
                since = sent
            time.sleep(_PAUSE_S)
        return Took(ended.result() - began, (since or began) - began)


def _timed(change: Change) -> float:
    change()
    return time.monotonic()


def _has_held(ended: Future[float], since: float | None, hold_s: float) -> bool:
    if not ended.done():
        return False
    end = ended.result()  # raises what the command raised
    return since is not None and time.monotonic() - max(since, end) > hold_s


def measure(lab: Lab, times: int) -> Iterator[tuple[Case, list[Took]]]:
    """Make each change and its undoing so many times."""
    small, large = _MODELS

    def ask() -> str:
        return _model(lab.gateway)

    for case in cases(lab):
        took = []
        for _ in range(times):
            took.append(measure_change(case.there, ask, large))
            took.append(measure_change(case.back, ask, small))
        yield case, took


def row(case: Case, took: list[Took]) -> str:
    """Write one line of the table."""
    series = (
        [each.command for each in took],
        [each.effect for each in took],
        [each.waiting for each in took],
    )
    figures = [f"{statistics.median(each):.2f} ({max(each):.2f})" for each in series]
    return f"| {case.name} | {case.command} | {len(took)} | {' | '.join(figures)} |"


HEAD = """\
Seconds, median (most):

| change | by | times | the command | from its start to effect | from its end to effect |
| --- | --- | ---: | ---: | ---: | ---: |"""


def memory(lab: Lab) -> int:
    """MiB that a lab's processes take, what several share counted once."""
    supervisor = lab.cluster.supervisor
    if supervisor is None:
        return 0
    first = psutil.Process(supervisor)
    return sum(map(_share, [first, *first.children(recursive=True)])) // _MEBIBYTE


def _share(process: psutil.Process) -> int:
    try:
        share: int = process.memory_full_info().pss
    except psutil.NoSuchProcess:  # of a probe, say
        return 0
    return share


def command(
    times: Annotated[int, typer.Option(min=1, help="Changes of each kind, there and back.")] = 5,
) -> None:
    """Measure, in a lab of its own, how soon a change is in effect, and what memory a lab takes."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-measure-") as folder:
        lab = Lab(Path(folder) / "state", report=report())
        lab.start()
        try:
            noise = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start."
            typer.echo(HEAD)
            for case, took in measure(lab, times):
                typer.echo(row(case, took))
            typer.echo(f"\nThe lab takes {memory(lab):,} MiB. {noise}")
        finally:
            lab.stop()


def _route_to(lab: Lab, pool: str) -> None:
    routes = lab.get("virtualservice", "weighbridge-mesh", INGRESS)["spec"]["http"]
    index = [route["name"] for route in routes].index("tier-small")
    path = f"/spec/http/{index}/route/0/destination/host"
    host = f"{pool}.llm.svc.cluster.local"
    patch = [{"op": "replace", "path": path, "value": host}]
    _patch(lab, "virtualservice/weighbridge-mesh", INGRESS, "json", patch)


def _set_threshold(lab: Lab, threshold: float) -> None:
    name, namespace = "weighbridge-router", "weighbridge"
    settings = yaml.safe_load(lab.get("configmap", name, namespace)["data"]["settings.yaml"])
    settings["policy"]["threshold"] = threshold
    patch = {"data": {"settings.yaml": yaml.safe_dump(settings, sort_keys=False)}}
    _patch(lab, f"configmap/{name}", namespace, "merge", patch)


def _patch(lab: Lab, name: str, namespace: str, kind: str, patch: Any) -> None:
    words = ("patch", name, f"--namespace={namespace}", f"--type={kind}")
    lab.kubectl(*words, f"--patch={json.dumps(patch)}")


def _model(gateway: str) -> str:
    """Ask an easy prompt; return the model that answered."""
    body = {"model": "auto", "messages": [{"role": "user", "content": EASY}], "max_tokens": 1}
    request = urllib.request.Request(  # noqa: S310 - http, the lab's own
        f"{gateway}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
        answer: dict[str, str] = json.load(response)
        return answer["model"]

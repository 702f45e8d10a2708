"""Charts in, rendered documents out, by Helm itself; and the goldens they are held against.

Goldens lie in `tests/charts/<chart>/golden/<scenario>.yaml`, one for each scenario that the chart
has in `ci/<scenario>-values.yaml`. `make charts` writes them anew.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
ROUTER_CHART = REPOSITORY / "router" / "chart"
MESH_CHART = REPOSITORY / "mesh" / "chart"
MODELS_CHART = REPOSITORY / "models" / "chart"
ROLLOUTS_CHART = REPOSITORY / "rollouts" / "chart"
OBSERVABILITY_CHART = REPOSITORY / "observability" / "chart"
# Every chart, by the folder that its goldens and expected failures lie in.
CHARTS = {
    "mesh": MESH_CHART,
    "models": MODELS_CHART,
    "observability": OBSERVABILITY_CHART,
    "rollouts": ROLLOUTS_CHART,
    "router": ROUTER_CHART,
}
# Namespaces that they are released into.
NAMESPACES = {
    ROUTER_CHART: "weighbridge",
    MESH_CHART: "istio-ingress",
    MODELS_CHART: "llm",
    ROLLOUTS_CHART: "llm",
    OBSERVABILITY_CHART: "monitoring",
}
# Names of releases that mean more than the chart's own: a pool's.
RELEASES = {MODELS_CHART: "gemma-small"}

Document = dict[str, Any]
_SUFFIX = "-values.yaml"


class HelmError(Exception):
    """Helm refused; the message is Helm's own."""


@dataclass(frozen=True)
class Rendering:
    """What Helm printed: the text as it came, and its documents."""

    text: str
    documents: tuple[Document, ...]

    def kinds(self) -> list[str]:
        """Kinds of the documents, sorted."""
        return sorted(document["kind"] for document in self.documents)

    def all(self, kind: str) -> list[Document]:
        """Documents of a kind, in the order in which they were rendered."""
        return [document for document in self.documents if document["kind"] == kind]

    def one(self, kind: str, name: str | None = None) -> Document:
        """The only document of a kind, or the one with this name."""
        found = [d for d in self.all(kind) if name in {None, d["metadata"]["name"]}]
        if len(found) != 1:
            names = [d["metadata"]["name"] for d in self.all(kind)]
            raise LookupError(f"expected one {kind} {name or ''}, came {names or 'none'}")
        return found[0]


@cache
def helm_binary() -> str:
    """Path of helm: named by WEIGHBRIDGE_HELM, else the lab's own, else the one on PATH."""
    if named := os.environ.get("WEIGHBRIDGE_HELM"):
        return named
    try:
        from weighbridge_lab import tools
    except ImportError:
        pass
    else:
        return str(tools.path("helm"))
    if found := shutil.which("helm"):
        return found
    raise HelmError("no helm: run `make lab-tools`, or name one in WEIGHBRIDGE_HELM")


def helm(*arguments: str | Path, stdin: str | None = None) -> str:
    """Run helm and give back what it printed.

    Raises:
        HelmError: with helm's words, if it failed.
    """
    done = subprocess.run(
        [helm_binary(), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise HelmError(f"{done.stdout}\n{done.stderr}".strip())
    return done.stdout


def render(
    chart: Path,
    *values: Path,
    name: str | None = None,
    namespace: str | None = None,
    settings: Sequence[str] = (),
    show_only: str | None = None,
) -> Rendering:
    """Render a chart as `helm install` would.

    Args:
        chart: its folder.
        values: files of values, the last one winning.
        name: of the release; None: the one in `RELEASES`, else the chart's own.
        namespace: of the release; None: the chart's own.
        settings: single values over those of the files, each as `a.b=value` in YAML's sense.
        show_only: one template, by its path in the chart.

    Raises:
        HelmError: with helm's words, if it refused.
    """
    text = helm(
        "template",
        name or RELEASES.get(chart) or chart_name(chart),
        chart,
        f"--namespace={namespace or NAMESPACES[chart]}",
        *(f"--values={path}" for path in values),
        *(f"--set={setting}" for setting in settings),
        *([f"--show-only={show_only}"] if show_only else []),
    )
    return Rendering(text, tuple(_documents(text)))


@cache
def render_scenario(chart: Path, scenario: str) -> Rendering:
    """Render a scenario of a chart's `ci/`, once."""
    return render(chart, scenarios(chart)[scenario])


def chart_name(chart: Path) -> str:
    """Name that the chart gives itself."""
    return str(yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))["name"])


def lint(chart: Path, *values: Path) -> str:
    """Let helm look for faults, warnings included.

    Raises:
        HelmError: with helm's words, if it found one.
    """
    return helm("lint", "--strict", chart, *(f"--values={path}" for path in values))


def scenarios(chart: Path) -> dict[str, Path]:
    """The chart's `ci/<scenario>-values.yaml` by scenario."""
    return {p.name.removesuffix(_SUFFIX): p for p in sorted(chart.glob(f"ci/*{_SUFFIX}"))}


def assert_golden(rendering: Rendering, golden: Path, *, update: bool) -> None:
    """Hold a rendering against its golden; with `update` make it the golden."""
    if update:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(rendering.text, encoding="utf-8")
    assert golden.exists(), f"{golden} is missing: run make charts"
    assert rendering.text == golden.read_text(encoding="utf-8"), "run: make charts; read the diff"


def containers(document: Document) -> Iterator[Document]:
    """Containers of a workload or pod, init containers first."""
    pod = document["spec"].get("template", document)["spec"]
    yield from pod.get("initContainers", ())
    yield from pod["containers"]


def _documents(text: str) -> Iterable[Document]:
    return (document for document in yaml.safe_load_all(text) if document)

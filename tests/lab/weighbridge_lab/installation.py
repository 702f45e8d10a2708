"""What is installed into a lab's cluster: CRDs, Istio by its own charts, ours.

Everything goes through the API server with strict field validation: a field that a resource does
not have is an error, as is whatever istiod's webhook refuses.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from weighbridge_lab.cluster import Cluster

LAB = Path(__file__).parents[1]
REPOSITORY = LAB.parents[1]
ROUTER_CHART = REPOSITORY / "router" / "chart"
MESH_CHART = REPOSITORY / "mesh" / "chart"
MODELS_CHART = REPOSITORY / "models" / "chart"
INGRESS = "istio-ingress"


def apply(cluster: Cluster, manifests: str | Iterable[Mapping[str, Any]]) -> None:
    """Apply manifests on the server's side.

    Args:
        cluster: to apply to.
        manifests: YAML text, or the objects.

    Raises:
        CommandError: with what the API server or a webhook found wrong.
    """
    text = manifests if isinstance(manifests, str) else yaml.safe_dump_all(manifests)
    cluster.run(*_APPLY, "-f", "-", text=text)


def apply_files(cluster: Cluster, paths: Sequence[Path], namespace: str | None = None) -> None:
    """Apply files, like `apply`; with a `namespace` to what names none, and to that alone."""
    files = (word for path in paths for word in ("-f", str(path)))
    cluster.run(*_APPLY, *(["--namespace", namespace] if namespace else []), *files)


_APPLY = ("kubectl", "apply", "--server-side", "--force-conflicts", "--validate=strict")


def install(
    cluster: Cluster,
    release: str,
    chart: Path,
    namespace: str,
    *values: Path | Mapping[str, Any],
    force: bool = False,
) -> None:
    """Install or upgrade a chart; it is not waited for.

    Args:
        cluster: to install into.
        release: of Helm's.
        chart: its folder.
        namespace: of the release.
        values: files, or the values themselves; later ones win.
        force: take back what others have written, by kubectl say; else Helm refuses.

    Raises:
        CommandError: with what Helm, the API server or a webhook said.
    """
    flags: list[str] = []
    inline: dict[str, Any] = {}
    for value in values:
        if isinstance(value, Path):
            flags += ["--values", str(value)]
        else:
            inline = {**inline, **value}
    cluster.run(
        "helm",
        "upgrade",
        "--install",
        release,
        str(chart),
        "--namespace",
        namespace,
        "--history-max",
        "2",
        *(["--force-conflicts"] if force else []),
        *flags,
        "--values",
        "-",
        text=yaml.safe_dump(inline),
    )


def until_rolled_out(
    cluster: Cluster, namespace: str, *workloads: str, timeout_s: int = 90
) -> None:
    """Wait until workloads (``deployment/name``) have rolled out.

    Raises:
        CommandError: when one has not.
    """
    for workload in workloads:
        cluster.run(
            "kubectl",
            "--namespace",
            namespace,
            "rollout",
            "status",
            workload,
            f"--timeout={timeout_s}s",
            timeout_s=timeout_s + 10,
        )

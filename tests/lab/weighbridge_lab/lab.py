"""The lab: a cluster with Istio, the router, two pools and the mesh, installed by their charts.

`Lab.start` is what an administrator does, in the order in which the guide says it, but side by side
where nothing waits for another. A test then asks through `gateway`, changes things with `kubectl`
and `apply`, and looks into pods with `in_pod`.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from weighbridge_lab.builds import Report, build
from weighbridge_lab.cluster import Cluster, Entrance
from weighbridge_lab.installation import (
    INGRESS,
    LAB,
    MESH_CHART,
    ROUTER_CHART,
    apply,
    apply_files,
    install,
    until_rolled_out,
)
from weighbridge_lab.module_files import module_files
from weighbridge_lab.pools import POOLS_NAMESPACE, default_pools
from weighbridge_lab.programmes import require_programmes
from weighbridge_lab.settling import until_gateway_heard, until_routers_read
from weighbridge_lab.tools import project_toolbox

GATEWAY_HOST = f"{INGRESS}.{INGRESS}.svc.cluster.local"
MADE_GATEWAY = "weighbridge-mesh-istio"
"""Service and Deployment of the gateway that istiod makes for the chart's `api: gateway-api`."""
ROUTER_VALUES = LAB / "values" / "router.yaml"
MESH_VALUES = LAB / "values" / "mesh.yaml"
CONFIG_DUMP = ("curl", "--silent", "--fail", "localhost:15000/config_dump?include_eds")
"""What prints all that an Envoy was told, run in its pod's network."""
ENDPOINTS = ("curl", "--silent", "--fail", "localhost:15000/clusters?format=json")
"""What prints its endpoints, in the only form that `istioctl proxy-config endpoints` reads."""

TOOLS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kubectl-argo-rollouts",
    "pilot-discovery",
    "pilot-agent",
    "istioctl",
    "helm",
)
Values = Mapping[str, Any]


class Lab:
    """A lab.

    Attributes:
        tools: what is built for it, and linked into its folder.
        mesh_values: of the mesh's chart.

    Args:
        state: folder for its files; emptied before it starts.
        gateway_port: the host's port of the endpoint; 0: a free one.
        leashed: it ends when this process does.
        places: folders that the file of images names, beside those that every lab has.
        report: told of progress.
    """

    tools: Sequence[str] = TOOLS
    mesh_values: Sequence[Path] = (MESH_VALUES,)

    def __init__(
        self,
        state: Path,
        *,
        gateway_port: int = 0,
        leashed: bool = True,
        places: Mapping[str, Path] | None = None,
        report: Report,
    ) -> None:
        require_programmes()
        toolbox = project_toolbox()
        build(toolbox, self.tools, report)
        self._files = module_files(toolbox)
        self._tell = report.line
        self.cluster = Cluster(
            state,
            {name: toolbox.path(name) for name in self.tools},
            self.entrances(gateway_port),
            leashed=leashed,
            places={"envoy_bootstrap": self._files.envoy_bootstrap, **(places or {})},
        )

    def entrances(self, gateway_port: int) -> dict[str, Entrance]:
        """Ways in, by name."""
        made = f"{MADE_GATEWAY}.{INGRESS}.svc.cluster.local"
        return {
            "gateway": Entrance(GATEWAY_HOST, 80, gateway_port),
            "gateway-tls": Entrance(GATEWAY_HOST, 443),
            "gateway-api": Entrance(made, 80),
            "gateway-api-tls": Entrance(made, 443),
            "istiod": Entrance("istiod.istio-system.svc.cluster.local", 15010),
        }

    def start(self) -> None:
        """Bring everything up, and wait until the gateway routes.

        Raises:
            LabError: with the words of what failed; whatever was started is ended.
        """
        began = time.monotonic()
        self.cluster.start()
        self._told("control plane", began)
        try:
            apply_files(self.cluster, [LAB / "manifests" / "namespaces.yaml"])
            with ThreadPoolExecutor() as side:
                ours = side.submit(self._install_ours)
                self._install_istio()
                ours.result()
            self._told("charts", began)
            self.until_ready()
        except BaseException:
            self.cluster.stop()
            raise
        self._told("everything", began)

    def stop(self) -> None:
        """End it."""
        self.cluster.stop()

    @property
    def gateway(self) -> str:
        """Base URL of the endpoint, from outside."""
        return f"http://127.0.0.1:{self.cluster.ports['gateway']}"

    def kubectl(self, *words: str, text: str | None = None) -> str:
        """Run kubectl; returns what it wrote."""
        return self.cluster.run("kubectl", *words, text=text)

    def apply(self, manifests: str | Iterable[Mapping[str, Any]]) -> None:
        """Apply manifests, strictly validated."""
        apply(self.cluster, manifests)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """Read one object."""
        text = self.kubectl("get", kind, name, "--namespace", namespace, "--output", "json")
        read: dict[str, Any] = json.loads(text)
        return read

    def install_router(self, *values: Path | Values, force: bool = False) -> None:
        """Install the router's chart anew, with the lab's values and these; see `install`."""
        everything = (ROUTER_VALUES, *values)
        release, namespace = "weighbridge-router", "weighbridge"
        install(self.cluster, release, ROUTER_CHART, namespace, *everything, force=force)

    def install_mesh(self, *values: Path | Values, force: bool = False) -> None:
        """Install the mesh's chart anew, with the lab's values and these; see `install`."""
        everything = (*self.mesh_values, *values)
        install(self.cluster, "weighbridge-mesh", MESH_CHART, INGRESS, *everything, force=force)

    def install_istiod(self, *values: Path | Values) -> None:
        """Install Istio's chart of its control plane anew, with the lab's values and these."""
        lab_s = LAB / "values" / "istiod.yaml"
        install(self.cluster, "istiod", self._files.istiod, "istio-system", lab_s, *values)
        # The gateway's pod is completed by its webhook, and the mesh checked by another.
        until_rolled_out(self.cluster, "istio-system", "deployment/istiod")

    def install_gateway(self, *values: Path | Values) -> None:
        """Install Istio's chart of the gateway anew, with these values alone; none: the lab's."""
        lab_s = LAB / "values" / "gateway.yaml"
        install(self.cluster, INGRESS, self._files.istio_gateway, INGRESS, *(values or (lab_s,)))

    def until_settled(self) -> None:
        """Wait until the gateway and the routers go by all that was applied before."""
        until_gateway_heard(self)
        until_routers_read(self)

    def until_ready(self) -> None:
        """Wait until gateway, router and pools have rolled out."""
        until_rolled_out(self.cluster, "weighbridge", "deployment/weighbridge-router")
        until_rolled_out(
            self.cluster, POOLS_NAMESPACE, "deployment/gemma-small", "deployment/llama-large"
        )
        until_rolled_out(self.cluster, INGRESS, f"deployment/{INGRESS}")

    def pods(self, namespace: str, name: str) -> list[str]:
        """List the pods of a workload that are not about to end, by `app.kubernetes.io/name`."""
        listed = json.loads(
            self.kubectl(
                "get",
                "pods",
                "--namespace",
                namespace,
                "--selector",
                f"app.kubernetes.io/name={name}",
                "--output",
                "json",
            )
        )
        metadata = (pod["metadata"] for pod in listed["items"])
        return [found["name"] for found in metadata if "deletionTimestamp" not in found]

    def in_pod(self, namespace: str, pod: str, command: Sequence[str]) -> str:
        """Run one of this machine's commands in a pod's network; returns what it wrote.

        Raises:
            LabError: where the pod runs nothing, or the command fails.
        """
        anchor = self.cluster.layout.pod_anchor(namespace, pod)
        joined = ["nsenter", "--target", str(anchor), "--net", "--", *command]
        return self.cluster.run(*self.cluster.inside(joined))

    def signal(self, namespace: str, pod: str, container: str, name: str) -> None:
        """Send a container's first process a signal (KILL, STOP, CONT), behind everybody's back.

        Raises:
            LabError: where the container does not run.
        """
        process = self.cluster.layout.container(namespace, pod, container)
        self.cluster.run(*self.cluster.inside(["kill", f"-{name}", str(process)]))

    def ask_envoy(self, path: str) -> str:
        """Read a page of the admin interface of the gateway's Envoy, such as ``/clusters``."""
        pod, *_ = self.pods(INGRESS, INGRESS)
        return self.in_pod(INGRESS, pod, ["curl", "--silent", "--fail", f"localhost:15000{path}"])

    def _install_istio(self) -> None:
        install(self.cluster, "istio-base", self._files.istio_base, "istio-system")
        self.install_istiod()
        self.install_gateway()
        self.install_mesh()

    def install_pools(self) -> None:
        """Install the pools; custom resources other than Istio's are there."""
        self.apply(default_pools())

    def _install_ours(self) -> None:
        # Istio's chart brings its own.
        apply_files(self.cluster, [f for f in self._files.crds if f != self._files.istio_crds])
        self.install_pools()
        self.install_router()

    def _told(self, what: str, began: float) -> None:
        self._tell(f"{what} up after {time.monotonic() - began:.1f} s")

"""A lab in which models change by canary: Argo Rollouts, Prometheus, our charts for both.

Beside what `Lab` brings up: Argo's controller by Argo's own manifests, Prometheus with the rules of
observability/, a release of models/chart per pool and one of rollouts/chart. Times are a lab's:
windows and intervals of seconds, so that a rollout takes one minute, not one hour.
"""

import json
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from weighbridge_lab.cluster import Entrance
from weighbridge_lab.errors import LabError
from weighbridge_lab.installation import (
    INGRESS,
    LAB,
    REPOSITORY,
    apply_files,
    install,
    until_rolled_out,
)
from weighbridge_lab.lab import MESH_VALUES, TOOLS, Lab, Values
from weighbridge_lab.monitoring import (
    MONITORING,
    PROMETHEUS_HOST,
    PROMETHEUS_PORT,
    config_map,
    configuration,
    listed,
    rule_files,
)
from weighbridge_lab.pools import POOLS_NAMESPACE
from weighbridge_lab.waiting import until

ARGO: Final = "argo-rollouts"
"""Namespace of Argo Rollouts, and name of its Deployment."""
POOLS: Final = {"small": "gemma-small", "large": "llama-large"}
"""Pool of each tier."""
POOL_CHART: Final = REPOSITORY / "models" / "chart"
ROLLOUTS_CHART: Final = REPOSITORY / "rollouts" / "chart"
ROLLOUTS_RELEASE: Final = "weighbridge-rollouts"
MONITORS: Final = REPOSITORY / "observability" / "monitors"
SCRAPE_INTERVAL: Final = "1s"
WINDOW: Final = "8s"
"""Of the recording rules, in place of production's."""
TIMES: Final = ("--ttft-ms=300", "--itl-ms=55")
"""Of a healthy version: far enough from the next edges of vLLM's buckets that a busy machine makes
nobody sick."""
_MARK: Final = "lab.weighbridge.dev/version"
_VALUES: Final = LAB / "values"


@dataclass(frozen=True)
class Version:
    """A version of a pool's model, or of its vLLM.

    Attributes:
        flags: of the simulator, beside the lab's own: what it suffers from.
        mark: what tells it from another with the same flags; the first version has none.
        values: of models/chart, beside the lab's own.
    """

    flags: tuple[str, ...] = ()
    mark: str = ""
    values: Values = field(default_factory=dict)

    @classmethod
    def new(cls, *flags: str, values: Values | None = None) -> Self:
        """Make a version that never was before."""
        return cls(flags, uuid.uuid4().hex, values or {})


class CanaryLab(Lab):
    """A lab with Argo Rollouts and Prometheus.

    Attributes:
        rollouts_values: of the chart of rollouts.
        start_s: that the pools may take to come up.
    """

    rollouts_values: Sequence[Path] = (_VALUES / "rollouts.yaml",)
    start_s: int = 90
    tools: Sequence[str] = (*TOOLS, "rollouts-controller", "prometheus-adapter")
    mesh_values: Sequence[Path] = (MESH_VALUES, _VALUES / "mesh-canaries.yaml")

    def entrances(self, gateway_port: int) -> dict[str, Entrance]:
        """Ways in, by name."""
        prometheus = Entrance(PROMETHEUS_HOST, PROMETHEUS_PORT)
        return {**super().entrances(gateway_port), "prometheus": prometheus}

    @property
    def prometheus(self) -> str:
        """Base URL of Prometheus, from outside."""
        return f"http://127.0.0.1:{self.cluster.ports['prometheus']}"

    def install_pools(self) -> None:
        """Install Argo, the pools, their rollouts, and what measures them."""
        # kubectl refuses to wait for one that has no conditions yet.
        words = ("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
        until("custom resources are served", lambda: self.kubectl(*words))
        with ThreadPoolExecutor() as side:
            argo = side.submit(self._install_argo)
            for pool in POOLS.values():
                self.ship(pool, Version())
            self.install_rollouts()
            self._install_monitoring()
            argo.result()

    def pool_values(self, pool: str) -> Sequence[Path]:
        """Give the lab's values of a pool."""
        return (_VALUES / "pool.yaml", _VALUES / f"pool-{pool}.yaml")

    def pool_flags(self, pool: str) -> Sequence[str]:  # noqa: ARG002 - a lab's pools may differ
        """Give the flags that each version of a pool has."""
        return TIMES

    def install_pool(self, pool: str, *values: Path | Values) -> None:
        """Install a pool's chart anew, with the lab's values and these: a new revision."""
        lab_s = self.pool_values(pool)
        install(self.cluster, pool, POOL_CHART, POOLS_NAMESPACE, *lab_s, *values)

    def ship(self, pool: str, version: Version) -> None:
        """Push a version of a pool, as its owner does: an upgrade of its release."""
        extra = {"vllm": {"extraArgs": [*self.pool_flags(pool), *version.flags]}}
        mark = {"podAnnotations": {_MARK: version.mark}} if version.mark else {}

        def shipped() -> bool:
            self.install_pool(pool, {**extra, **mark, **version.values})
            return True

        # Helm asks what the Services select, and refuses if Argo writes it at that very moment.
        until(f"{pool} is shipped", shipped)

    def install_rollouts(self, *values: Path | Values, force: bool = False) -> None:
        """Install the chart of rollouts anew, with the lab's values and these."""
        everything = (*self.rollouts_values, *values)
        release = ROLLOUTS_RELEASE
        install(self.cluster, release, ROLLOUTS_CHART, POOLS_NAMESPACE, *everything, force=force)

    def until_ready(self) -> None:
        """Wait until gateway, router, pools, Argo and Prometheus are there."""
        until_rolled_out(self.cluster, "weighbridge", "deployment/weighbridge-router")
        until_rolled_out(self.cluster, INGRESS, f"deployment/{INGRESS}")
        until_rolled_out(self.cluster, ARGO, f"deployment/{ARGO}")
        until_rolled_out(self.cluster, MONITORING, "deployment/prometheus")
        for pool in POOLS.values():
            self._until_up(pool)

    def argo(self, *words: str) -> str:
        """Run Argo's plugin for kubectl on the pools' namespace; returns what it wrote."""
        return self.kubectl("argo", "rollouts", *words, "--namespace", POOLS_NAMESPACE)

    def query(self, expression: str) -> float:
        """Ask Prometheus for one number.

        Raises:
            LabError: there is none.
        """
        words = urllib.parse.urlencode({"query": expression})
        address = f"{self.prometheus}/api/v1/query?{words}"
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - http, the lab's
            found = json.load(answer)["data"]["result"]
        if len(found) != 1:
            raise LabError(f"expected one number for {expression}, came {found}")
        return float(found[0]["value"][1])

    def _until_up(self, pool: str) -> None:
        words = ("argo", "rollouts", "status", pool, "--namespace", POOLS_NAMESPACE)
        patience = f"--timeout={self.start_s}s"
        self.cluster.run("kubectl", *words, patience, timeout_s=self.start_s + 10.0)

    def _install_argo(self) -> None:
        self.apply([_namespace(ARGO)])
        apply_files(self.cluster, [self._files.rollouts_install], ARGO)

    def _install_monitoring(self) -> None:
        apply_files(self.cluster, [LAB / "manifests" / "monitoring.yaml"])
        apply_files(self.cluster, sorted(MONITORS.glob("*.yaml")))
        config = configuration(self._all("podmonitors"), SCRAPE_INTERVAL)
        rules = rule_files(self._all("prometheusrules"), WINDOW)
        self.apply([config_map({"prometheus.yaml": json.dumps(config, indent=1), **rules})])

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return listed(self.kubectl("get", kind, "--all-namespaces", "--output=json"))


def _namespace(name: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}

"""The user's own kubectl in, a snapshot of a namespace out: nothing is written, nothing watched.

kubectl brings the kubeconfig, the cloud's login and the proxy that the user already has. What it
refuses becomes one line that says what was asked for and the way out. Rollouts and AnalysisRuns are
needed; what else may not be read is left out, and said.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from weighbridge.canary.argo_analysis import AnalysisRun, Experiment
from weighbridge.canary.argo_rollout import Rollout
from weighbridge.canary.kubernetes import Pod, ReplicaSet, VirtualService
from weighbridge.canary.shape import Resource
from weighbridge.errors import CanaryError

ROLLOUTS = "rollouts.argoproj.io"
RUNS = "analysisruns.argoproj.io"
_PATIENCE_S = 30
_Kind = TypeVar("_Kind", bound=Resource)


@dataclass(frozen=True)
class Snapshot:
    """What a namespace holds at one moment.

    Attributes:
        rollouts: those asked for, by name.
        virtual_services: by namespace and name.
        missing: what could not be read, and why; one line each.
    """

    rollouts: tuple[Rollout, ...]
    runs: tuple[AnalysisRun, ...] = ()
    replica_sets: tuple[ReplicaSet, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    pods: tuple[Pod, ...] = ()
    virtual_services: dict[tuple[str, str], VirtualService] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kubectl:
    """How to ask.

    Attributes:
        binary: its name on PATH, or a path.
        context: of the kubeconfig; empty: the current one.
    """

    binary: str = "kubectl"
    context: str = ""

    def snapshot(self, namespace: str, pool: str | None = None) -> Snapshot:
        """Read a namespace, or one pool of it.

        Raises:
            CanaryError: one line; kubectl is absent, the cluster does not answer or refuses, or
                there is no such Rollout.
        """
        found = self._items(Rollout, ROLLOUTS, namespace)
        rollouts = _chosen(found, namespace, pool)
        with ThreadPoolExecutor() as pool_of_threads:
            ask = pool_of_threads.submit
            runs = ask(self._items, AnalysisRun, RUNS, namespace)
            sets = ask(self._perhaps, ReplicaSet, "replicasets.apps", namespace)
            experiments = ask(self._perhaps, Experiment, "experiments.argoproj.io", namespace)
            pods = ask(self._perhaps, Pod, "pods", namespace)
            routes = ask(self._virtual_services, rollouts)
        unread = (sets.result()[1], experiments.result()[1], pods.result()[1], routes.result()[1])
        return Snapshot(
            rollouts=rollouts,
            runs=runs.result(),
            replica_sets=sets.result()[0],
            experiments=experiments.result()[0],
            pods=pods.result()[0],
            virtual_services=routes.result()[0],
            missing=tuple(line for lines in unread for line in lines),
        )

    def _virtual_services(
        self, rollouts: Sequence[Rollout]
    ) -> tuple[dict[tuple[str, str], VirtualService], tuple[str, ...]]:
        found: dict[tuple[str, str], VirtualService] = {}
        unread: list[str] = []
        for namespace, name in sorted({key for each in rollouts for key in virtual_services(each)}):
            try:
                document = self._get("virtualservices.networking.istio.io", namespace, name)
            except CanaryError as error:
                unread.append(str(error))
            else:
                found[namespace, name] = VirtualService.read(document)
        return found, tuple(unread)

    def _perhaps(
        self, kind: type[_Kind], resource: str, namespace: str
    ) -> tuple[tuple[_Kind, ...], tuple[str, ...]]:
        try:
            return self._items(kind, resource, namespace), ()
        except CanaryError as error:
            return (), (str(error),)

    def _items(self, kind: type[_Kind], resource: str, namespace: str) -> tuple[_Kind, ...]:
        return tuple(map(kind.read, self._get(resource, namespace).get("items", ())))

    def _get(self, resource: str, namespace: str, *name: str) -> dict[str, Any]:
        command = [
            *(_present(self.binary), "get", resource, *name, f"--namespace={namespace}"),
            *("--output=json", "--request-timeout=20s"),
            *((f"--context={self.context}",) if self.context else ()),
        ]
        what = " ".join((resource, *name, "in", namespace))
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S
            )
        except subprocess.TimeoutExpired:
            raise CanaryError(f"kubectl had no answer on {what} after {_PATIENCE_S} s") from None
        if ended.returncode:
            raise CanaryError(_refusal(ended.stderr, resource, namespace, what))
        try:
            document: dict[str, Any] = json.loads(ended.stdout)
        except ValueError:
            raise CanaryError(
                f"expected JSON from kubectl on {what}, came something else"
            ) from None
        return document


def virtual_services(rollout: Rollout) -> list[tuple[str, str]]:
    """Namespace and name of each VirtualService that a Rollout writes its weights to."""
    canary = rollout.spec.strategy.canary
    if canary is None or canary.traffic_routing is None:
        return []
    names = (ref.name.partition(".") for ref in canary.traffic_routing.istio.all)
    return [(namespace or rollout.metadata.namespace, name) for name, _, namespace in names]


def _chosen(found: Sequence[Rollout], namespace: str, pool: str | None) -> tuple[Rollout, ...]:
    ordered = tuple(sorted(found, key=lambda each: each.metadata.name))
    names = ", ".join(each.metadata.name for each in ordered)
    if not ordered:
        raise CanaryError(
            f"no Rollout in namespace {namespace}: install rollouts/chart there, "
            "or name another by --namespace"
        )
    chosen = tuple(each for each in ordered if pool in {None, each.metadata.name})
    if not chosen:
        raise CanaryError(f"no Rollout {pool} in namespace {namespace}; there are: {names}")
    return chosen


def _present(binary: str) -> str:
    found = shutil.which(binary)
    if found is None:
        raise CanaryError(
            f"{binary} is not on PATH: install kubectl, or name it by --kubectl; "
            "it also brings the kubeconfig"
        )
    return found


def _refusal(said: str, resource: str, namespace: str, what: str) -> str:
    """One line for what kubectl wrote to standard error."""
    line = next((each for each in reversed(said.splitlines()) if each.strip()), "no reason given")
    if "(Forbidden)" in said:
        return (
            f"not allowed to read {what}; ask for get and list on it: "
            f"kubectl auth can-i list {resource} --namespace={namespace}"
        )
    if "doesn't have a resource type" in said or "could not find the requested resource" in said:
        return f"the cluster knows no {resource}: is the operator that brings it installed?"
    if "(NotFound)" in said:
        return f"there is no {what}"
    if "does not exist" in said or "no configuration has been provided" in said:
        return f"kubectl has no cluster to ask: {line}"
    return f"kubectl could not read {what}: {line}"

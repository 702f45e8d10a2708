"""One change of one pool's model: pushed, watched while Argo rolls it out, and looked back on.

In: a lab, its chronicle, a pool. Out: what a test asserts and the table of a run prints: which
weights were in force when, what the analyses measured, which requests the new version had.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from weighbridge_lab.canaries import POOLS, CanaryLab, Version
from weighbridge_lab.chronicle import Chronicle
from weighbridge_lab.gatewaylog import Request, requests

_HASH = "rollouts-pod-template-hash"
_MESH = "weighbridge-mesh"


@dataclass(frozen=True)
class Measurement:
    """What an analysis measured once.

    Attributes:
        at: when it was known.
        metric: its name.
        phase: Successful, Failed, Inconclusive or Error.
        value: as Prometheus gave it.
    """

    at: float
    metric: str
    phase: str
    value: str

    @property
    def number(self) -> float | None:
        """The value; None: there was none, or several."""
        try:
            return float(self.value.strip("[]"))
        except ValueError:
            return None


@dataclass(frozen=True)
class Weight:
    """A weight of the canary, as the VirtualService had it.

    Attributes:
        at: since when.
        percent: of the tier's requests.
    """

    at: float
    percent: int


class Change:
    """A new revision of a pool.

    Args:
        lab: it runs in.
        chronicle: of the lab.
        pool: whose revision.
    """

    def __init__(self, lab: CanaryLab, chronicle: Chronicle, pool: str) -> None:
        self._lab = lab
        self._chronicle = chronicle
        self.pool = pool
        self.tier = next(tier for tier, name in POOLS.items() if name == pool)
        self.began = time.time()
        self.version = Version()
        self.stable = self.revision = ""

    def push(self, version: Version) -> None:
        """Ship a version, and wait until Argo has seen it."""
        self.version = version
        self.follow(lambda: self._lab.ship(self.pool, version))

    def follow(self, pushing: Callable[[], object]) -> None:
        """Wait until Argo has seen what is pushed here in whatever way."""
        self.began = time.time()
        before = self.status
        self.stable = before["stableRS"]
        pushing()
        self.revision = self._chronicle.until(
            f"a new revision of {self.pool}",
            lambda: self._current_other_than(before["currentPodHash"]),
        )

    @property
    def rollout(self) -> dict[str, Any]:
        """The Rollout, as it is now."""
        return self._chronicle.latest("rollout", self.pool) or {}

    @property
    def status(self) -> dict[str, Any]:
        """Its status."""
        status: dict[str, Any] = self.rollout.get("status", {})
        return status

    def until_phase(self, phase: str, timeout_s: float = 90.0) -> None:
        """Wait until the Rollout says so: Healthy, Degraded, Paused or Progressing.

        Raises:
            LabError: it did not, with what it says in place of it.
        """
        self._until(phase, lambda: self.status.get("phase") == phase, timeout_s)

    def until_paused(self, reason: str, timeout_s: float = 60.0) -> None:
        """Wait until it is paused for a reason: CanaryPauseStep, InconclusiveAnalysisRun, …."""
        self._until(f"paused by {reason}", lambda: reason in self._pauses, timeout_s)

    def until_promoted(self, timeout_s: float = 120.0) -> None:
        """Wait until this revision is the stable one, all of it."""
        self._until("promoted", lambda: self._is_promoted, timeout_s)

    def until_settled(self, timeout_s: float = 120.0) -> None:
        """Wait until it is promoted, given up, or paused for want of a verdict."""
        self._until("settled", lambda: self._is_settled, timeout_s)

    def promote(self, timeout_s: float = 120.0) -> None:
        """Make what was pushed last the stable version, past all steps and gates."""
        self._lab.argo("promote", self.pool, "--full")
        self.until_phase("Healthy", timeout_s)

    def until_aborted(self, timeout_s: float = 90.0) -> None:
        """Wait until it is given up, and no request is meant for it."""
        self._until("aborted", lambda: self.status.get("abort") and not self.weight, timeout_s)

    def until_weight(self, percent: int, timeout_s: float = 60.0) -> None:
        """Wait until the VirtualService gives the canary such a weight."""
        self._until(f"weight {percent}", lambda: self.weight == percent, timeout_s)

    @property
    def weight(self) -> int:
        """Percent of requests that are meant for the canary now."""
        return self._weight_of(self._chronicle.latest("virtualservice", _MESH) or {})

    def weights(self) -> list[Weight]:
        """Weights that were in force since it was pushed, each once."""
        weights: list[Weight] = []
        for event in self._chronicle.events("virtualservice", _MESH):
            weight = Weight(event.at, self._weight_of(event.object))
            if not weights or weights[-1].percent != weight.percent:
                weights.append(weight)
        earlier = [weight for weight in weights if weight.at < self.began]
        return [*earlier[-1:], *(weight for weight in weights if weight.at >= self.began)]

    def measurements(self) -> list[Measurement]:
        """What its analyses measured, in the order in which it was known."""
        found: dict[tuple[str, str, int], Measurement] = {}
        for event in self._chronicle.events("analysisrun", since=self.began):
            if self._judges(event.object["metadata"]):
                for key, measurement in _measured(event.at, event.object):
                    found.setdefault(key, measurement)
        return sorted(found.values(), key=lambda measurement: measurement.at)

    def blamed(self) -> set[str]:
        """Metrics that ended its analyses: failed, in error, or without a verdict."""
        runs: dict[str, Mapping[str, Any]] = {}
        for event in self._chronicle.events("analysisrun", since=self.began):
            if self._judges(event.object["metadata"]):
                runs[event.name] = event.object
        return {
            result["name"]
            for run in runs.values()
            for result in run.get("status", {}).get("metricResults", ())
            if result["phase"] in {"Failed", "Error", "Inconclusive"}
        }

    def aborted_at(self) -> float | None:
        """When the Rollout was given up; None: it was not."""
        for event in self._chronicle.events("rollout", self.pool, self.began):
            status = event.object.get("status", {})
            if status.get("abort") and status.get("currentPodHash") == self.revision:
                return event.at
        return None

    def servers(self) -> set[str]:
        """Addresses that pods of this revision had."""
        return {
            event.object["status"]["podIP"]
            for event in self._chronicle.events("pod", since=self.began)
            if event.object["metadata"]["labels"].get(_HASH) == self.revision
            and event.object["status"].get("podIP")
        }

    def weight_at(self, moment: float) -> int:
        """Percent that was in force then."""
        return max((w for w in self.weights() if w.at <= moment), key=lambda w: w.at).percent

    def requests(self) -> list[Request]:
        """The tier's requests by its own route since it was pushed, as the gateway logged them."""
        route = f"tier-{self.tier}"
        logged = requests(self._lab.cluster.layout, self.began)
        return [request for request in logged if request.route == route]

    def envoy_weights(self) -> dict[str, int]:
        """Weights by subset that the gateway's Envoy goes by now."""
        return envoy_weights(self._lab, self.tier)

    @property
    def end(self) -> str:
        """What became of it: promoted, replaced, aborted, or what the Rollout says of it."""
        status = self.status
        if self.revision not in {status.get("stableRS"), status.get("currentPodHash")}:
            return "replaced"
        if status.get("abort"):
            return "aborted"
        if status.get("stableRS") == self.revision:
            return "promoted"
        return str(status.get("phase", "unknown")).lower()

    @property
    def _is_settled(self) -> bool:
        aborted = self.status.get("abort") and not self.weight
        return bool(self._is_promoted or aborted or "InconclusiveAnalysisRun" in self._pauses)

    @property
    def _pauses(self) -> set[str]:
        return {each["reason"] for each in self.status.get("pauseConditions", ())}

    @property
    def _is_promoted(self) -> bool:
        status = self.status
        return status.get("stableRS") == self.revision and status.get("phase") == "Healthy"

    def _current_other_than(self, before: str) -> str:
        current: str = self.status.get("currentPodHash", before)
        return "" if current == before else current

    def _judges(self, run: Mapping[str, Any]) -> bool:
        """Whether an analysis, by its metadata, is of this revision, or of its experiment."""
        experiment = f"{self.pool}-{self.revision}-"
        owners = (owner["name"] for owner in run.get("ownerReferences", ()))
        mine = run.get("labels", {}).get(_HASH) == self.revision
        return mine or any(owner.startswith(experiment) for owner in owners)

    def _weight_of(self, virtual_service: Mapping[str, Any]) -> int:
        for route in virtual_service.get("spec", {}).get("http", ()):
            if route.get("name") == f"tier-{self.tier}":
                return _canary_weight(route["route"])
        return 0

    def _until(self, what: str, look: Any, timeout_s: float) -> None:
        told = f"{self.pool} is {what}"
        try:
            self._chronicle.until(told, look, timeout_s)
        except Exception as error:
            error.add_note(self.told())
            raise

    def told(self) -> str:
        """Say how it stands, for the message of an assertion."""
        status = self.status
        words = {name: status.get(name) for name in ("phase", "message", "abort")}
        steps = self.rollout.get("spec", {}).get("strategy", {}).get("canary", {}).get("steps", [])
        step = f"{status.get('currentStepIndex')} of {len(steps)}"
        lines = [f"{self.pool} {self.revision}: {words}, step {step}, weight {self.weight}"]
        lines += [
            f"  {m.at - self.began:6.1f} s {m.metric} {m.phase} {m.value}"
            for m in self.measurements()
        ]
        lines += [f"  {w.at - self.began:6.1f} s weight {w.percent}" for w in self.weights()]
        return "\n".join(lines)


def envoy_weights(lab: CanaryLab, tier: str) -> dict[str, int]:
    """Weights by subset of a tier's route that the gateway's Envoy goes by."""
    dump = json.loads(lab.ask_envoy("/config_dump?resource=dynamic_route_configs"))
    for route in _routes(dump["configs"]):
        if route.get("name") == f"tier-{tier}":
            return _subsets(route["route"])
    return {}


def _routes(configs: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for config in configs:
        for host in config["route_config"].get("virtual_hosts", ()):
            yield from host.get("routes", ())


def _subsets(action: Mapping[str, Any]) -> dict[str, int]:
    if "cluster" in action:
        return {action["cluster"].split("|")[2]: 100}
    clusters = action["weighted_clusters"]["clusters"]
    return {each["name"].split("|")[2]: each.get("weight", 0) for each in clusters}


def _canary_weight(destinations: Iterable[Mapping[str, Any]]) -> int:
    return sum(
        each.get("weight", 0)
        for each in destinations
        if each["destination"].get("subset") == "canary"
    )


def _measured(
    at: float, run: Mapping[str, Any]
) -> Iterable[tuple[tuple[str, str, int], Measurement]]:
    name = run["metadata"]["name"]
    for result in run.get("status", {}).get("metricResults", ()):
        measured = result.get("measurements", ())
        # Only the last ten are kept.
        first = result.get("count", 0) + result.get("error", 0) - len(measured)
        for number, one in enumerate(measured, first):
            if one["phase"] not in {"Running", "Pending"}:
                key = (name, result["name"], number)
                yield key, Measurement(at, result["name"], one["phase"], one.get("value", ""))

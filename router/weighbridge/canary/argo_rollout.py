"""A Rollout: those fields of Argo Rollouts' v1alpha1 that the status is made of."""

from typing import Any

import msgspec

from weighbridge.canary.shape import Condition, Resource, Struct


class Pause(Struct, frozen=True):
    """A step that waits; without a duration until someone promotes."""

    duration: int | str | None = None


class SetCanaryScale(Struct, frozen=True):
    """A step that sets how many canary pods run, whatever the weight."""

    replicas: int | None = None
    weight: int | None = None
    match_traffic_weight: bool = False


class ManagedRoute(Struct, frozen=True):
    """A route that the controller adds and removes: a header's or a mirror's."""

    name: str = ""
    match: tuple[dict[str, Any], ...] = ()
    percentage: int | None = None


class TemplateRef(Struct, frozen=True):
    """An AnalysisTemplate by name."""

    template_name: str = ""


class StepAnalysis(Struct, frozen=True):
    """Analyses that a step waits for."""

    templates: tuple[TemplateRef, ...] = ()


class Plugin(Struct, frozen=True):
    """A step that a plugin of the controller does."""

    name: str = ""


class Step(Struct, frozen=True):
    """One step of a canary; exactly one of the fields is there."""

    set_weight: int | None = None
    pause: Pause | None = None
    experiment: dict[str, Any] | None = None
    analysis: StepAnalysis | None = None
    set_canary_scale: SetCanaryScale | None = None
    set_header_route: ManagedRoute | None = None
    set_mirror_route: ManagedRoute | None = None
    plugin: Plugin | None = None


class VirtualServiceRef(Struct, frozen=True):
    """A VirtualService, as `name` or `name.namespace`, and those of its routes that are split."""

    name: str = ""
    routes: tuple[str, ...] = ()


class DestinationRuleRef(Struct, frozen=True):
    """The subsets that stand for canary and stable."""

    name: str = ""
    canary_subset_name: str = ""
    stable_subset_name: str = ""


class Istio(Struct, frozen=True):
    """Where the weights are written."""

    virtual_service: VirtualServiceRef | None = None
    virtual_services: tuple[VirtualServiceRef, ...] = ()
    destination_rule: DestinationRuleRef = DestinationRuleRef()

    @property
    def all(self) -> tuple[VirtualServiceRef, ...]:
        """The one or the several."""
        return (*((self.virtual_service,) if self.virtual_service else ()), *self.virtual_services)


class TrafficRouting(Struct, frozen=True):
    """How traffic is split."""

    istio: Istio = Istio()
    managed_routes: tuple[ManagedRoute, ...] = ()
    max_traffic_weight: int = 100


class Canary(Struct, frozen=True):
    """The strategy; `traffic_routing` None: replicas are the split."""

    steps: tuple[Step, ...] = ()
    canary_service: str = ""
    stable_service: str = ""
    traffic_routing: TrafficRouting | None = None


class Strategy(Struct, frozen=True):
    """Canary, or something that this command does not know."""

    canary: Canary | None = None


class WorkloadRef(Struct, frozen=True):
    """Whose pod template it is, if not the Rollout's own."""

    kind: str = ""
    name: str = ""


class RolloutSpec(Struct, frozen=True):
    """What is wanted."""

    replicas: int = 1
    paused: bool = False
    workload_ref: WorkloadRef | None = None
    strategy: Strategy = Strategy()


class PauseCondition(Struct, frozen=True):
    """Why it waits, and since when."""

    reason: str = ""
    start_time: str = ""


class CanaryStatus(Struct, frozen=True):
    """What the controller says of the canary alone."""

    current_experiment: str = ""


class RolloutStatus(Struct, frozen=True):
    """What the controller says."""

    phase: str = ""
    message: str = ""
    abort: bool = False
    promote_full: bool = False
    controller_pause: bool = False
    pause_conditions: tuple[PauseCondition, ...] = ()
    conditions: tuple[Condition, ...] = ()
    current_pod_hash: str = ""
    stable_rs: str = msgspec.field(default="", name="stableRS")
    current_step_index: int | None = None
    observed_generation: str = ""
    workload_observed_generation: str = ""
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    canary: CanaryStatus = CanaryStatus()


class Rollout(Resource, frozen=True):
    """A pool that changes by canaries."""

    spec: RolloutSpec = RolloutSpec()
    status: RolloutStatus = RolloutStatus()

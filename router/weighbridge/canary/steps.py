"""A Rollout in, its steps in words, where it stands and which weight it wants out."""

import re
from dataclasses import dataclass

from weighbridge.canary.argo_rollout import ManagedRoute, Rollout, SetCanaryScale, Step

_DURATION = re.compile(r"(\d+)([smh]?)")
_FEW = 2
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Position:
    """Where a canary stands.

    Attributes:
        steps: all of them, in words.
        index: of the step that goes on now, from zero; as many as there are steps: all are done.
        weight: percent that the canary shall get now.
    """

    steps: tuple[str, ...]
    index: int
    weight: int


def position(rollout: Rollout) -> Position:
    """Return where a canary stands; nothing is wanted of one that is promoted or aborted."""
    steps = steps_of(rollout)
    index = rollout.status.current_step_index or 0
    return Position(tuple(map(in_words, steps)), index, _weight(rollout, steps, index))


def steps_of(rollout: Rollout) -> tuple[Step, ...]:
    """Return its steps; none where it is no canary."""
    canary = rollout.spec.strategy.canary
    return canary.steps if canary else ()


def is_promoted(rollout: Rollout) -> bool:
    """Whether what is wanted is what is stable: no canary runs."""
    status = rollout.status
    return bool(status.stable_rs) and status.stable_rs == status.current_pod_hash


def in_words(step: Step) -> str:
    """Say what a step does, shortly."""
    if step.set_weight is not None:
        return f"weight {step.set_weight} %"
    if step.pause is not None:
        return f"pause {_duration(step.pause.duration)}"
    if step.analysis is not None:
        return _analysis([each.template_name for each in step.analysis.templates])
    if step.set_canary_scale is not None:
        return _scale(step.set_canary_scale)
    if step.set_header_route is not None:
        return f"{_switched(step.set_header_route)} header route {step.set_header_route.name}"
    if step.set_mirror_route is not None:
        return _mirror(step.set_mirror_route)
    if step.plugin is not None:
        return f"plugin {step.plugin.name}"
    return "experiment" if step.experiment is not None else "unknown step"


def seconds(duration: int | str | None) -> int | None:
    """Return how long a pause lasts; None: until someone promotes."""
    match = _DURATION.fullmatch(str(duration))
    return int(match[1]) * _SECONDS[match[2]] if match else None


def _weight(rollout: Rollout, steps: tuple[Step, ...], index: int) -> int:
    """Percent, by the controller's own rule: the last weight at or before the current step."""
    if rollout.status.abort or is_promoted(rollout):
        return 0
    if rollout.status.promote_full or index >= len(steps):
        return 100
    set_so_far = (each.set_weight for each in reversed(steps[: index + 1]))
    return next((weight for weight in set_so_far if weight is not None), 0)


def _analysis(templates: list[str]) -> str:
    if len(templates) > _FEW:
        return f"analysis by {len(templates)} templates"
    return "analysis " + ", ".join(each.removeprefix("weighbridge-") for each in templates)


def _duration(duration: int | str | None) -> str:
    if duration is None:
        return "until promoted"
    return f"{duration} s" if str(duration).isdigit() else str(duration)


def _scale(scale: SetCanaryScale) -> str:
    if scale.replicas is not None:
        return f"canary of {scale.replicas} pod{'' if scale.replicas == 1 else 's'}"
    if scale.weight is not None:
        return f"canary of {scale.weight} % of the pods"
    return "as many canary pods as the weight asks"


def _switched(route: ManagedRoute) -> str:
    return "open" if route.match else "close"


def _mirror(route: ManagedRoute) -> str:
    share = 100 if route.percentage is None else route.percentage
    return f"mirror {share} % by {route.name}" if route.match else f"close mirror {route.name}"

"""A Rollout and its ReplicaSets in, stable and canary out: model, image, pods, their trouble."""

from collections.abc import Iterable
from dataclasses import dataclass

from weighbridge.canary.argo_rollout import Rollout
from weighbridge.canary.kubectl import Snapshot
from weighbridge.canary.kubernetes import Container, Pod, ReplicaSet
from weighbridge.canary.shape import HASH_LABEL, MODEL_LABEL, REVISION


@dataclass(frozen=True)
class Revision:
    """A version of the pool; `number` None and empty words where ReplicaSets can't be read."""

    role: str
    number: int | None
    hash: str
    model: str
    image: str
    ready: int
    pods: int
    trouble: str


def revisions_of(rollout: Rollout, snapshot: Snapshot) -> Iterable[Revision]:
    """Yield stable first, then the canary; one alone once it is promoted."""
    status = rollout.status
    sets = {
        each.metadata.labels.get(HASH_LABEL, ""): each
        for each in snapshot.replica_sets
        if each.belongs_to(rollout)
    }
    if status.stable_rs:
        yield _revision("stable", status.stable_rs, sets, snapshot.pods)
    if status.current_pod_hash and status.current_pod_hash != status.stable_rs:
        role = "canary" if status.stable_rs else "first"
        yield _revision(role, status.current_pod_hash, sets, snapshot.pods)


def _revision(
    role: str, revision: str, sets: dict[str, ReplicaSet], pods: tuple[Pod, ...]
) -> Revision:
    found = sets.get(revision, ReplicaSet())
    number = found.metadata.annotations.get(REVISION, "")
    template = found.spec.template
    container = _server(template.spec.containers)
    return Revision(
        role=role,
        number=int(number) if number.isdigit() else None,
        hash=revision,
        model=template.metadata.labels.get(MODEL_LABEL) or _model(container),
        image=container.image,
        ready=found.status.ready_replicas,
        pods=found.spec.replicas,
        trouble=_trouble(each for each in pods if each.metadata.labels.get(HASH_LABEL) == revision),
    )


def _server(containers: tuple[Container, ...]) -> Container:
    """The container that serves: vLLM's, else the first."""
    named = [each for each in containers if each.name == "vllm"]
    return next(iter([*named, *containers]), Container())


def _model(container: Container) -> str:
    """What vLLM is told to serve, in any of the three ways to say it."""
    words = [*container.command, *container.args]
    for at, word in enumerate(words):
        if word.startswith("--model="):
            return word.removeprefix("--model=")
        if word in {"--model", "serve"} and at + 1 < len(words):
            return words[at + 1]
    return ""


def _trouble(pods: Iterable[Pod]) -> str:
    """Why pods of a revision don't serve, in a few words; the commonest first."""
    reasons: dict[str, int] = {}
    for pod in pods:
        for word in _troubles(pod):
            reasons[word] = reasons.get(word, 0) + 1
    return ", ".join(sorted(reasons, key=lambda word: -reasons[word]))


def _troubles(pod: Pod) -> Iterable[str]:
    yield from (
        f"{each.reason}: {each.message}"
        for each in pod.status.conditions
        if each.type == "PodScheduled" and each.status == "False"
    )
    for each in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        waiting, ended = each.state.waiting, each.last_state.terminated
        if waiting and waiting.reason not in {"", "ContainerCreating", "PodInitializing"}:
            last = f" after {ended.reason}" if ended and ended.reason else ""
            yield f"{each.name} {waiting.reason}{last}, {each.restart_count} restarts"

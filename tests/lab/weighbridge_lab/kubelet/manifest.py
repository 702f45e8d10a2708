"""A pod as the kubelet reads it: the API's object, trusting in what the API server fills in.

The API's types call everything optional. A pod that was stored has a name, a uid and a spec, and
each of its containers a restart policy that follows from the pod's; here that is said, once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from lightkube.models.core_v1 import Container, PodSpec, PodStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

_DEFAULT_GRACE_S = 30
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Manifest:
    """One version of one pod.

    Attributes:
        pod: the API's object.
    """

    pod: Pod

    @property
    def metadata(self) -> ObjectMeta:
        """The object's metadata."""
        return cast("ObjectMeta", self.pod.metadata)

    @property
    def spec(self) -> PodSpec:
        """What is asked for."""
        return cast("PodSpec", self.pod.spec)

    @property
    def status(self) -> PodStatus:
        """What was last reported, by whomever."""
        return self.pod.status or PodStatus()

    @property
    def name(self) -> str:
        """The pod's name."""
        return cast("str", self.metadata.name)

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return cast("str", self.metadata.namespace)

    @property
    def uid(self) -> str:
        """What tells it from a later pod of the same name."""
        return cast("str", self.metadata.uid)

    @property
    def title(self) -> str:
        """Namespace and name, for people."""
        return f"{self.namespace}/{self.name}"

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.metadata.labels or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return self.metadata.annotations or {}

    @property
    def node(self) -> str | None:
        """The node that the scheduler chose."""
        return self.spec.nodeName

    @property
    def hostname(self) -> str:
        """What the pod calls itself; the kernel permits 63 characters."""
        return (self.spec.hostname or self.name)[:63].rstrip("-.")

    @property
    def deleted(self) -> bool:
        """Whether it is to end."""
        return self.metadata.deletionTimestamp is not None

    @property
    def grace_s(self) -> float:
        """Seconds from the wish to end it until it is killed."""
        if self.metadata.deletionGracePeriodSeconds is not None:
            return self.metadata.deletionGracePeriodSeconds
        if self.spec.terminationGracePeriodSeconds is not None:
            return self.spec.terminationGracePeriodSeconds
        return _DEFAULT_GRACE_S

    @property
    def ended(self) -> bool:
        """Whether it was reported to have run to its end, well or badly."""
        return self.status.phase in _ENDED

    @property
    def inits(self) -> list[Container]:
        """Containers that come before the main ones, in order."""
        return self.spec.initContainers or []

    @property
    def mains(self) -> list[Container]:
        """The main containers."""
        return self.spec.containers

    def containers(self) -> Iterator[Container]:
        """All, in the order in which they start."""
        yield from self.inits
        yield from self.mains

    def restart_policy(self, container: Container) -> str:
        """Give what follows when a container ends: Always, OnFailure or Never.

        An init container that is no sidecar has done its work when it succeeds, so Always means
        OnFailure for it.
        """
        if container.restartPolicy:
            return container.restartPolicy
        policy = self.spec.restartPolicy or "Always"
        is_init = any(init.name == container.name for init in self.inits)
        return "OnFailure" if is_init and policy == "Always" else policy


def is_sidecar(container: Container) -> bool:
    """Whether an init container keeps running beside the main ones."""
    return container.restartPolicy == "Always"

"""ReplicaSets, pods and VirtualServices: the fields that the status is made of."""

from weighbridge.canary.shape import Condition, Metadata, Resource, Struct


class Container(Struct, frozen=True):
    """Of a pod: its image and what it is started with."""

    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


class PodSpec(Struct, frozen=True):
    """The containers."""

    containers: tuple[Container, ...] = ()


class PodTemplate(Struct, frozen=True):
    """What pods of a revision look like."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()


class ReplicaSetSpec(Struct, frozen=True):
    """How many, and of what."""

    replicas: int = 0
    template: PodTemplate = PodTemplate()


class ReplicaSetStatus(Struct, frozen=True):
    """How many there are."""

    ready_replicas: int = 0


class ReplicaSet(Resource, frozen=True):
    """A revision's pods."""

    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class State(Struct, frozen=True):
    """Why a container waits, or how it ended."""

    reason: str = ""
    message: str = ""
    exit_code: int | None = None


class States(Struct, frozen=True):
    """Of a container, now or before."""

    waiting: State | None = None
    terminated: State | None = None


class ContainerStatus(Struct, frozen=True):
    """A container of a pod as it is now."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: States = States()
    last_state: States = States()


class PodStatus(Struct, frozen=True):
    """A pod as it is now."""

    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Resource, frozen=True):
    """One pod."""

    status: PodStatus = PodStatus()


class Target(Struct, frozen=True):
    """Where a route leads."""

    host: str = ""
    subset: str = ""


class Destination(Struct, frozen=True):
    """Where a route leads, with its share."""

    destination: Target = Target()
    weight: int = 100


class HttpRoute(Struct, frozen=True):
    """A route by name."""

    name: str = ""
    route: tuple[Destination, ...] = ()


class VirtualServiceSpec(Struct, frozen=True):
    """Routes in their order."""

    http: tuple[HttpRoute, ...] = ()


class VirtualService(Resource, frozen=True):
    """What the gateway goes by."""

    spec: VirtualServiceSpec = VirtualServiceSpec()

"""A tier in simulated time: pods that come after a cold start, serve, drain and go; and its bill.

Requests go to the less loaded of two pods drawn by lot, as Envoy's least-request balancing does. A
pod costs from the moment that it is wanted until it has gone. On spot nodes it is given notice at
some moment: it takes no more requests, a successor is wanted at once, and when the notice has
passed, whatever it still holds is cut.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from weighbridge_experiments.clock import Clock
from weighbridge_experiments.pod import Engine, Pod
from weighbridge_experiments.request import End, Request
from weighbridge_experiments.scaler import DEFAULTS, LOOK_S, Scaler, Scaling


@dataclass(frozen=True)
class Spot:
    """Nodes that can be taken away.

    Attributes:
        per_hour: interruptions of a pod in an hour, on average.
        notice_s: seconds from the notice to the end.
        price: part of the on-demand price.
        safe_pods: of the tier's pods, how many are on demand all the same.
    """

    per_hour: float = 0.05
    notice_s: float = 120.0
    price: float = 0.4
    safe_pods: int = 0


@dataclass(frozen=True)
class Plan:
    """What a tier is made of.

    Attributes:
        engine: of each pod.
        dollars_per_hour: of a pod on demand.
        scaling: how many pods.
        cold_start_s: mean seconds from the wish for a pod to its first request.
        spot: None: all on demand.
        drain_s: seconds that a pod gets to end its answers: the chart's `drain.timeoutSeconds`.
    """

    engine: Engine
    dollars_per_hour: float
    scaling: Scaling = DEFAULTS
    cold_start_s: float = 240.0
    spot: Spot | None = None
    drain_s: float = 300.0


@dataclass(eq=False)
class _Node:
    """A pod's place, from the wish for it until it has gone."""

    wanted_at: float
    is_spot: bool
    pod: Pod | None = None
    is_leaving: bool = False
    is_gone: bool = False


@dataclass(frozen=True)
class Look:
    """A tier at a moment.

    Attributes:
        at: seconds.
        pods: that are up and take requests.
        paid: that cost: these, and those that start or drain.
        waiting: requests in queues.
        running: requests that run.
        kv_usage: mean over pods that are up.
    """

    at: float
    pods: int
    paid: int
    waiting: int
    running: int
    kv_usage: float


@dataclass
class Bill:
    """What a tier has cost.

    Attributes:
        on_demand_s: seconds of pods on demand.
        spot_s: seconds of pods on spot nodes.
        interruptions: notices of spot nodes.
        looks: one every 15 seconds.
    """

    on_demand_s: float = 0.0
    spot_s: float = 0.0
    interruptions: int = 0
    looks: list[Look] = field(default_factory=list)

    def dollars(self, plan: Plan) -> float:
        """All of it."""
        spot = self.spot_s * plan.spot.price if plan.spot else 0.0
        return (self.on_demand_s + spot) / 3600 * plan.dollars_per_hour


class Pool:
    """One tier.

    Args:
        clock: of the simulation.
        plan: what it is made of.
        dice: for balancing, cold starts and interruptions.
        ended: called with each request that has ended.
        until: when the simulation ends.
        pods: that are up at the start; None: the least.
    """

    def __init__(
        self,
        clock: Clock,
        plan: Plan,
        dice: random.Random,
        ended: Callable[[Request], None],
        until: float,
        pods: int | None = None,
    ) -> None:
        self._clock = clock
        self._plan = plan
        self._dice = dice
        self._ended = ended
        self._scaler = Scaler(plan.scaling)
        self._nodes: list[_Node] = []
        self._wanted = plan.scaling.least if pods is None else pods
        self.bill = Bill()
        for _ in range(self._wanted):
            self._start(self._order())
        clock.every(LOOK_S, self._look, until)

    def submit(self, request: Request) -> None:
        """Send a request to a pod."""
        pods = self._up()
        if not pods:
            request.finish(End.REFUSED, self._clock.now)
            self._ended(request)
            return
        # Without regard to how many pods there are, so that the dice fall alike.
        drawn = [pods[int(self._dice.random() * len(pods))] for _ in range(2)]
        min(drawn, key=lambda pod: pod.load).submit(request)

    def close(self) -> None:
        """Send the bill: the simulation ends."""
        for node in self._nodes:
            self._pay(node)

    # How many

    def _up(self) -> list[Pod]:
        return [node.pod for node in self._nodes if node.pod and not node.is_leaving]

    def _look(self) -> None:
        pods = self._up()
        waiting = sum(pod.waiting for pod in pods)
        kv_usage = sum(pod.kv_usage for pod in pods)
        running = sum(pod.running for pod in pods)
        mean = kv_usage / len(pods) if pods else 0.0
        self.bill.looks.append(
            Look(self._clock.now, len(pods), len(self._nodes), waiting, running, mean)
        )
        if pods:
            seats = running / self._plan.engine.max_num_seqs
            self._wanted = self._scaler.decide(
                self._clock.now, self._wanted, waiting, kv_usage, seats
            )
        self._reconcile()

    def _reconcile(self) -> None:
        staying = [node for node in self._nodes if not node.is_leaving]
        for _ in range(self._wanted - len(staying)):
            # Spread by a fifth either way.
            seconds = self._plan.cold_start_s * self._dice.uniform(0.8, 1.2)
            self._clock.after(seconds, partial(self._start, self._order()))
        # What does not serve yet goes first, then the youngest.
        staying.sort(key=lambda node: (node.pod is None, node.wanted_at))
        for node in staying[max(0, self._wanted) :]:
            self._leave(node, self._plan.drain_s)

    # The life of a pod

    def _order(self) -> _Node:
        spot = self._plan.spot
        safe = sum(not node.is_spot and not node.is_leaving for node in self._nodes)
        node = _Node(self._clock.now, is_spot=spot is not None and safe >= spot.safe_pods)
        self._nodes.append(node)
        if spot is not None and node.is_spot and spot.per_hour:
            seconds = self._dice.expovariate(spot.per_hour / 3600)
            self._clock.after(seconds, lambda: self._interrupt(node))
        return node

    def _start(self, node: _Node) -> None:
        if not node.is_leaving:
            node.pod = Pod(self._clock, self._plan.engine, self._ended, self._dice)

    def _interrupt(self, node: _Node) -> None:
        if node.is_gone or self._plan.spot is None:
            return
        self.bill.interruptions += 1
        self._leave(node, self._plan.spot.notice_s)
        self._reconcile()

    def _leave(self, node: _Node, grace_s: float) -> None:
        node.is_leaving = True
        if node.pod is None:
            self._end(node)
            return
        deadline = self._clock.now + grace_s

        def look() -> None:
            if node.is_gone:
                return
            if node.pod and node.pod.load and self._clock.now < deadline:
                self._clock.at(min(deadline, self._clock.now + 1), look)
            else:
                self._end(node)

        look()

    def _end(self, node: _Node) -> None:
        self._pay(node)
        node.is_gone = True
        self._nodes.remove(node)
        if node.pod:
            node.pod.kill()

    def _pay(self, node: _Node) -> None:
        seconds = self._clock.now - node.wanted_at
        if node.is_spot:
            self.bill.spot_s += seconds
        else:
            self.bill.on_demand_s += seconds

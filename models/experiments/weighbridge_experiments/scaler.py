"""What an autoscaler makes of a queue: `autoscaling` of the pools' chart, by the rules of an HPA.

Each look gives the sums of a tier's metrics over its pods that are up, and the number of pods that
it is to have comes out. For each metric that is the sum divided by its target, rounded up, unless
the pods there are would be within a tenth of that; the metric that wants most wins.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final

TOLERANCE: Final = 0.1
"""An HPA leaves alone what is that near to its target."""
LOOK_S: Final = 15.0
"""Seconds between two looks, of an HPA and of the chart's `keda.pollingSeconds`."""


@dataclass(frozen=True)
class Scaling:
    """The chart's values `autoscaling`, by their names there, with its defaults.

    Attributes:
        least: `minReplicas`.
        most: `maxReplicas`.
        waiting: requests in queues, per pod.
        kv_usage: share of the KV cache, per pod.
        seats_usage: `maxNumSeqsUsage`, share of its places that a pod fills. 0: not looked at.
        pods_per_minute: pods added at most in a minute.
        down_s: seconds that a lull has to last, and between two pods that go.
    """

    least: int = 1
    most: int = 10
    waiting: float = 4.0
    kv_usage: float = 0.8
    seats_usage: float = 0.8
    pods_per_minute: int = 2
    down_s: float = 600.0


DEFAULTS: Final = Scaling()
"""The chart's, but for ten pods at most where it has four."""


class Scaler:
    """One tier's autoscaler."""

    def __init__(self, scaling: Scaling) -> None:
        self._scaling = scaling
        self._wishes: deque[tuple[float, int]] = deque()
        self._added: deque[tuple[float, int]] = deque()
        self._removed_at = -math.inf

    def decide(
        self, now: float, pods: int, waiting: float, kv_usage: float, seats_usage: float
    ) -> int:
        """Pods that there are to be.

        Args:
            now: seconds.
            pods: that there are to be until now.
            waiting: sum over the pods that are up.
            kv_usage: likewise.
            seats_usage: likewise.
        """
        looked_at = (
            (waiting, self._scaling.waiting),
            (kv_usage, self._scaling.kv_usage),
            (seats_usage, self._scaling.seats_usage),
        )
        wish = self._clamp(max(_wish(pods, total, target) for total, target in looked_at if target))
        self._wishes.append((now, wish))
        while self._wishes[0][0] < now - self._scaling.down_s:
            self._wishes.popleft()
        if wish > pods:
            return self._up(now, pods, wish)
        lowest = max(each for _, each in self._wishes)
        return self._down(now, pods) if lowest < pods else pods

    def _clamp(self, pods: int) -> int:
        return min(max(pods, self._scaling.least), self._scaling.most)

    def _up(self, now: float, pods: int, wish: int) -> int:
        while self._added and self._added[0][0] <= now - 60:
            self._added.popleft()
        allowed = self._scaling.pods_per_minute - sum(number for _, number in self._added)
        more = min(wish - pods, allowed)
        if more > 0:
            self._added.append((now, more))
        return pods + max(0, more)

    def _down(self, now: float, pods: int) -> int:
        if now - self._removed_at < self._scaling.down_s:
            return pods
        self._removed_at = now
        return pods - 1


def _wish(pods: int, total: float, target: float) -> int:
    if abs(total / (target * pods) - 1) <= TOLERANCE:
        return pods
    return math.ceil(total / target)

"""A Rollout and its VirtualServices in, the weights that the gateway really goes by out."""

from dataclasses import dataclass

from weighbridge.canary.argo_rollout import Canary, Rollout, TrafficRouting
from weighbridge.canary.kubectl import Snapshot, virtual_services
from weighbridge.canary.kubernetes import HttpRoute


@dataclass(frozen=True)
class Split:
    """What a VirtualService says: percent of one route to the canary."""

    virtual_service: str
    route: str
    canary: int


def routing_of(rollout: Rollout) -> TrafficRouting:
    """Return how its traffic is split; an empty one where it is not."""
    canary = rollout.spec.strategy.canary
    return (canary.traffic_routing if canary else None) or TrafficRouting()


def splits_of(rollout: Rollout, snapshot: Snapshot) -> tuple[tuple[Split, ...], tuple[str, ...]]:
    """Return what the VirtualServices say of its routes, and which managed routes stand in them."""
    routing = routing_of(rollout)
    canary = rollout.spec.strategy.canary or Canary()
    managed = {each.name for each in routing.managed_routes}
    splits, opened = [], []
    for ref, key in zip(routing.istio.all, virtual_services(rollout), strict=True):
        service = snapshot.virtual_services.get(key)
        routes = service.spec.http if service else ()
        opened += [each.name for each in routes if each.name in managed]
        splits += [
            Split("/".join(key), route.name, _canary_weight(route, routing, canary.canary_service))
            for route in routes
            if (route.name in ref.routes if ref.routes else len(routes) == 1)
        ]
    return tuple(splits), tuple(opened)


def _canary_weight(route: HttpRoute, routing: TrafficRouting, service: str) -> int:
    subset = routing.istio.destination_rule.canary_subset_name
    return sum(
        each.weight
        for each in route.route
        if (
            each.destination.subset == subset if subset else _host(each.destination.host) == service
        )
    )


def _host(host: str) -> str:
    return host.partition(".")[0]

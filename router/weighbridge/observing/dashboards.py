"""All dashboards, in the order in which one looks at them."""

from typing import Final

from weighbridge.observing.canaries import CANARY
from weighbridge.observing.overview import OVERVIEW
from weighbridge.observing.panels import Dashboard
from weighbridge.observing.pools import POOLS
from weighbridge.observing.promises import SLO
from weighbridge.observing.routers import ROUTER

DASHBOARDS: Final = (OVERVIEW, ROUTER, POOLS, CANARY, SLO)


def find_dashboard(name: str) -> Dashboard | None:
    """Find a dashboard by name; None: there is none of that name."""
    return next((each for each in DASHBOARDS if each.name == name), None)

"""Renders of the router's chart, one per scenario."""

from functools import cache

import pytest
import yaml
from charts.rendering import ROUTER_CHART, Rendering, render, scenarios

SCENARIOS = scenarios(ROUTER_CHART)


@cache
def _rendered(scenario: str) -> Rendering:
    return render(ROUTER_CHART, SCENARIOS[scenario])


@pytest.fixture(scope="session")
def rendered():
    """Render a scenario of `ci/`, once."""
    return _rendered


@pytest.fixture
def with_values(tmp_path):
    """Render with values of one's own over a scenario's."""

    def write(values: dict, scenario: str = "default") -> Rendering:
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return render(ROUTER_CHART, SCENARIOS[scenario], path)

    return write

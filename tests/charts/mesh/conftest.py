"""Renders of the mesh's chart, one per scenario."""

from functools import cache

import pytest
import yaml
from charts.rendering import MESH_CHART, Rendering, render, scenarios

SCENARIOS = scenarios(MESH_CHART)
NAMESPACE = "istio-ingress"


@cache
def _rendered(scenario: str) -> Rendering:
    return render(MESH_CHART, SCENARIOS[scenario], namespace=NAMESPACE)


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
        return render(MESH_CHART, SCENARIOS[scenario], path, namespace=NAMESPACE)

    return write

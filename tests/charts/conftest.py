"""Adds --update-goldens, which `make charts` gives, and renders the chart of a test's folder."""

import functools
from pathlib import Path

import pytest
import yaml

from charts.rendering import CHARTS, Rendering, render, render_scenario, scenarios


def pytest_addoption(parser):
    parser.addoption(
        "--update-goldens", action="store_true", help="write what the charts render as goldens"
    )


def pytest_collection_modifyitems(items):
    """Mark all of them: they need helm, and one run has them all."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.lab)


@pytest.fixture(scope="session")
def update_goldens(request):
    """Whether renders are to become the goldens."""
    return request.config.getoption("--update-goldens", default=False)


@pytest.fixture(scope="module")
def chart(request) -> Path:
    """The chart that the tests of this folder are for."""
    return CHARTS[request.path.parent.name]


@pytest.fixture(scope="module")
def rendered(chart):
    """Render a scenario of `ci/`, once."""
    return functools.partial(render_scenario, chart)


@pytest.fixture
def with_values(chart, tmp_path):
    """Render with values of one's own over a scenario's."""

    def write(values: dict, scenario: str = "default") -> Rendering:
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return render(chart, scenarios(chart)[scenario], path)

    return write

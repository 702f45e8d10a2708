"""One lab for all tests of a run; a test that changes it puts it back."""

from pathlib import Path

import httpx
import pytest
from lab.keeping import FAILED, running
from weighbridge_lab import tools
from weighbridge_lab.lab import Lab
from weighbridge_lab.reports import report
from weighbridge_lab.trials import Figures, Trial, table

_figures = pytest.StashKey[list[Figures]]()


def pytest_collection_modifyitems(items):
    """Mark all of them: they need the control planes."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.lab)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.failed and "lab" in item.fixturenames:
        item.session.stash[FAILED] = True
    return outcome


def pytest_terminal_summary(terminalreporter, config):
    """Print what became of requests during faults."""
    if figures := config.stash.get(_figures, []):
        terminalreporter.section("faults under traffic")
        terminalreporter.write_line(table(figures))


@pytest.fixture(scope="session")
def lab(request, tmp_path_factory):
    """A lab that is up. Where a test failed, its logs are kept in build/lab-logs."""
    places = {"otelcol": tools.path("otelcol")}
    made = Lab(tmp_path_factory.mktemp("lab") / "state", places=places, report=report())
    with running(made, request.session) as lab:
        yield lab


@pytest.fixture
def client(lab):
    """A client of the lab's endpoint."""
    with httpx.Client(base_url=lab.gateway, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def mesh(lab):
    """Install the mesh's chart with other values, for one test."""
    yield lab.install_mesh
    lab.install_mesh(force=True)
    lab.until_settled()


@pytest.fixture
def router(lab):
    """Install the router's chart with other values, for one test."""
    yield lab.install_router
    lab.install_router(force=True)
    lab.until_ready()
    lab.until_settled()


@pytest.fixture
def trial(request, lab):
    """Send traffic around a fault; its figures are printed at the end of the run."""
    figures = request.config.stash.setdefault(_figures, [])

    def begin(fault, **traffic):
        return Trial(fault, lab.gateway, figures, **traffic)

    return begin

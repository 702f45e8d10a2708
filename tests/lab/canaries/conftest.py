"""A lab with Argo Rollouts and Prometheus for these tests, and what became of each canary."""

import json
import subprocess
import sys

import pytest
from lab.keeping import running
from weighbridge_lab.canaries import POOLS, CanaryLab, Version
from weighbridge_lab.change import Change
from weighbridge_lab.chronicle import Chronicle
from weighbridge_lab.reports import report
from weighbridge_lab.verdicts import Act, Figures, table

RATE = 60
"""Requests a second, to both tiers together."""
_figures = pytest.StashKey[list[Figures]]()
_good = pytest.StashKey[dict[str, Version]]()


def pytest_terminal_summary(terminalreporter, config):
    """Print what became of each canary."""
    if figures := config.stash.get(_figures, []):
        terminalreporter.section("canaries under traffic")
        terminalreporter.write_line(table(figures))


@pytest.fixture(scope="session")
def lab(request, tmp_path_factory):
    """A lab with canaries that is up."""
    made = CanaryLab(tmp_path_factory.mktemp("canaries") / "state", report=report())
    with running(made, request.session) as lab:
        yield lab


@pytest.fixture(scope="session")
def chronicle(lab):
    """What becomes of the lab's objects."""
    with Chronicle(lab.cluster) as listening:
        listening.until_known("rollout", POOLS.values())
        yield listening


@pytest.fixture
def change_of(request, lab, chronicle):
    """Changes of pools by name; each pool is back on what was good when the test ends."""
    good = request.config.stash.setdefault(_good, {})
    made = []

    def begin(pool):
        made.append(Change(lab, chronicle, pool))
        return made[-1]

    yield begin
    for change in made:
        if change.status.get("stableRS") == change.revision:
            good[change.pool] = change.version
    for pool in {change.pool for change in made}:
        restore(lab, Change(lab, chronicle, pool), good.get(pool, Version()))


def restore(lab, change, version):
    """What a revert of the last commit does: the stable version is pushed again."""
    if change.status.get("phase") == "Healthy":
        return
    change.push(version)
    if change.revision != change.stable:  # the test ended in the middle of something
        lab.argo("promote", change.pool, "--full")
    change.until_promoted()


@pytest.fixture
def act(request, lab, change_of):
    """Traffic around a change of the small pool; its figures are printed at the end of the run."""
    figures = request.config.stash.setdefault(_figures, [])

    def begin(case, *flags, pool=POOLS["small"], rate=RATE, values=None, **traffic):
        version = Version.new(*flags, values=values)
        return Act(lab, change_of(pool), version, case, figures, rate=rate, **traffic)

    return begin


@pytest.fixture
def rollouts(lab):
    """Install the chart of rollouts with other values, for one test."""
    yield lab.install_rollouts
    lab.install_rollouts(force=True)


@pytest.fixture
def screen(lab):
    """What `weighbridge canary status` prints, on a wide terminal."""
    return lambda *words: status(lab, *words)


@pytest.fixture
def state(lab):
    """What it says of the small pool, for programs; nothing was left unread."""

    def read():
        said = json.loads(status(lab, POOLS["small"], "--json"))
        assert said["not_read"] == []
        (pool,) = said["pools"]
        return pool

    return read


def status(lab, *words):
    """Run the command as a person does, with the lab's kubeconfig and kubectl."""
    command = [sys.executable, "-m", "weighbridge", "canary", "status", *words]
    environment = {**lab.cluster.env, "COLUMNS": "200"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

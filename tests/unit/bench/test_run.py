"""The order of a run and what it makes of faults, with a rig that answers at once."""

from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from unit.bench.fakes import MACHINE, result
from weighbridge.bench import run
from weighbridge.bench.envoy import Target
from weighbridge.bench.report import Options

OPTIONS = Options(rounds=2, cases=("small", "3m"), soak=100, starts=2, connections=4)


class FakeRig:
    def __init__(self, **changes):
        self.loads = []
        self.changes = changes

    async def load(self, target, case, **how):
        self.loads.append((target, case, how))
        changes = self.changes if target is Target.ROUTER else {}
        return result(answered=how.get("requests") or 1000, **changes), 42.0

    def router_rss(self):
        return len(self.loads)


@pytest.fixture
def bench(monkeypatch):
    """Runs with a fake rig, which it gives back with the report."""

    def runs(options=OPTIONS, told=lambda _: None, **changes):
        rig = FakeRig(**changes)

        @asynccontextmanager
        async def fake_rig():
            yield rig

        async def start():
            return 0.4

        monkeypatch.setattr(run, "bench_rig", fake_rig)
        monkeypatch.setattr(run, "seconds_to_serving", start)
        monkeypatch.setattr(run, "find_envoy", Path)
        monkeypatch.setattr(run, "describe_machine", lambda _: MACHINE)
        return run.run_bench(options, told), rig

    return runs


def test_targets_take_turns_within_each_round(bench):
    _, rig = bench()

    loaded = [t for t, case, how in rig.loads if case == "3m" and how["connections"] == 4]
    assert loaded == [*Target, *Target]


def test_latency_is_measured_with_one_connection(bench):
    report, rig = bench()

    alone = [how for _, case, how in rig.loads if case == "3m" and how["connections"] == 1]
    assert len(alone) == 2 * len(Target)
    assert len(report.cases[1].rounds[Target.ROUTER]) == 2


def test_at_a_fixed_rate_all_connections_are_used(bench):
    _, rig = bench(msgspec.structs.replace(OPTIONS, rate=50.0))

    rated = [how for _, _, how in rig.loads if how.get("rate") == 50.0]
    assert {how["connections"] for how in rated} == {4}


def test_the_soak_comes_last_and_its_memory_before_and_after(bench):
    report, rig = bench()

    assert rig.loads[-1][2]["requests"] == 100
    assert report.soak.requests == 100
    assert report.soak.rss_after_bytes == report.soak.rss_before_bytes + 1
    assert report.soak.cpu_micros == 42.0


def test_soak_and_starts_can_be_left_away(bench):
    report, _ = bench(msgspec.structs.replace(OPTIONS, soak=0, starts=0))

    assert report.soak is None
    assert report.seconds_to_serving is None


def test_faults_say_where_they_happened(bench):
    report, _ = bench(failed_open=3)

    assert "3 MB, round 2, router, latency: 3 requests failed open: nobody weighed them" in (
        report.faults
    )
    assert not [fault for fault in report.faults if "plain" in fault]


def test_as_many_steps_are_told_as_were_promised(bench):
    told = []

    bench(told=told.append)

    assert len(told) == run.steps(OPTIONS)

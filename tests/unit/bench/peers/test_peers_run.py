"""The order of a side by side and what it makes of faults, with a rig that answers at once."""

from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from unit.bench.fakes import MACHINE, result
from unit.bench.peers.peers_fakes import overloaded
from weighbridge.bench.peers import run
from weighbridge.bench.peers.envoy import Side
from weighbridge.bench.peers.report import PeersOptions
from weighbridge.bench.peers.rig import PROCESSES
from weighbridge.errors import LocalError

OPTIONS = PeersOptions(rounds=2, cases=("small", "32k"), rates=(50, 300, 1000), starts=2, soak=10)


class FakeRig:
    def __init__(self, answers):
        self.done = []
        self.answers = answers

    async def require_weighing(self):
        self.done.append("weighing")

    async def load(self, side, case, **how):
        self.done.append((side, case, how))
        return self.answers(side, how) or result()

    def memory(self):
        return dict.fromkeys(PROCESSES, len(self.done))

    def loads(self, **how):
        return [
            each[0]
            for each in self.done
            if each != "weighing" and how.items() <= {"case": each[1], **each[2]}.items()
        ]


@pytest.fixture
def side_by_side(monkeypatch):
    """Runs with a fake rig, which it gives back with the report."""

    def runs(options=OPTIONS, told=lambda _: None, answers=lambda _side, _how: None):
        rig = FakeRig(answers)

        @asynccontextmanager
        async def fake_rig(_python):
            yield rig

        async def start(*_):
            return 0.4

        monkeypatch.setattr(run, "peers_rig", fake_rig)
        monkeypatch.setattr(run, "seconds_to_serving", start)
        monkeypatch.setattr(run, "seconds_to_first_answer", start)
        monkeypatch.setattr(run, "ensure_environment", lambda _cache: Path("python"))
        monkeypatch.setattr(run, "find_envoy", Path)
        monkeypatch.setattr(run, "describe_machine", lambda _: MACHINE)
        return run.run_peers(options, told), rig

    return runs


def test_targets_take_turns_within_each_round(side_by_side):
    _, rig = side_by_side()

    assert rig.loads(case="32k", connections=16) == [*Side, *Side]
    assert rig.loads(case="32k", connections=1) == [*Side, *Side]


def test_that_they_weigh_is_looked_at_before_anything_is_measured(side_by_side):
    _, rig = side_by_side()

    assert rig.done[0] == "weighing"


def test_a_rate_beyond_one_that_was_too_much_is_not_tried(side_by_side):
    def answers(side, how):
        return overloaded() if side is Side.LITELLM and how.get("rate") == 300 else None

    report, rig = side_by_side(answers=answers)

    assert rig.loads(rate=1000) == [Side.PLAIN, Side.EMPTY, Side.ROUTER] * 2
    assert [turn.saturated for turn in report.at_rate(Side.LITELLM, 1000)] == [True, True]
    assert [turn.saturated for turn in report.at_rate(Side.ROUTER, 1000)] == [False, False]
    assert report.faults == []


def test_too_much_under_load_is_a_finding_and_one_at_a_time_a_fault(side_by_side):
    def answers(side, how):
        return overloaded() if side is Side.LITELLM and not how.get("requests") else None

    report, _ = side_by_side(msgspec.structs.replace(OPTIONS, rates=()), answers=answers)

    assert report.cases[0].requests_per_s(Side.LITELLM) is None
    assert "32 KB, round 2, litellm, latency: 3 requests: unanswered after 10 s" in report.faults
    assert not [fault for fault in report.faults if "throughput" in fault]


def test_requests_that_were_not_weighed_say_where(side_by_side):
    def answers(side, how):
        return result(failed_open=3) if side is Side.ROUTER and how.get("rate") == 50 else None

    report, _ = side_by_side(answers=answers)

    assert report.faults == [
        f"rates, round {number}, router, 50/s: 3 requests failed open: nobody weighed them"
        for number in (1, 2)
    ]


def test_memory_is_read_before_the_first_request_and_at_the_end(side_by_side):
    report, rig = side_by_side()

    assert report.memory["litellm"].fresh_bytes == 0
    assert report.memory["litellm"].loaded_bytes == len(rig.done)


@pytest.mark.parametrize("changes", [{}, {"rates": ()}, {"soak": 0, "starts": 0}])
def test_as_many_steps_are_told_as_were_promised(side_by_side, changes):
    options = msgspec.structs.replace(OPTIONS, **changes)
    told = []

    side_by_side(options, told.append)

    assert len(told) == run.peers_steps(options)


def test_a_peer_that_can_not_be_installed_ends_the_run(side_by_side, monkeypatch):
    def fail(_cache):
        raise LocalError("LiteLLM could not be installed: no index")

    side_by_side()
    monkeypatch.setattr(run, "ensure_environment", fail)

    with pytest.raises(LocalError, match="no index"):
        run.run_peers(OPTIONS)

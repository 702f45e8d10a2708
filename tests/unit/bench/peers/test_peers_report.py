"""What rounds come to: ratios round by round, and no number for what could not be carried."""

import msgspec
import pytest
from unit.bench.fakes import result
from unit.bench.peers.peers_fakes import case, overloaded, report
from weighbridge.bench.load import UNANSWERED, UNSENT
from weighbridge.bench.peers.envoy import Side
from weighbridge.bench.peers.report import (
    AtRate,
    PeersReport,
    at_rate,
    carried,
    other_faults,
    strained,
)


def test_ratios_are_of_throughput_and_of_what_is_added_to_plain_envoy():
    assert case().throughput_ratio().median == pytest.approx(30)
    assert case().added_ratio().median == pytest.approx(10)
    assert case().added_ms(Side.LITELLM).median == pytest.approx(20)


def test_a_ratio_with_a_target_that_could_not_be_measured_is_none():
    assert case(litellm=[result(rate=90), overloaded()]).throughput_ratio() is None


def test_nothing_added_is_no_divisor():
    flat = case()
    flat.rounds[Side.ROUTER][:] = flat.rounds[Side.PLAIN]

    assert flat.added_ratio() is None


def test_throughput_is_known_where_most_rounds_know_it():
    slow = case(rounds=3, litellm=[result(rate=90), overloaded(), result(rate=110)])
    slower = case(rounds=3, litellm=[overloaded(), overloaded(), result(rate=110)])

    assert slow.requests_per_s(Side.LITELLM).median == pytest.approx(100)
    assert slower.requests_per_s(Side.LITELLM) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"answered": 995, "errors": {UNSENT: 5}}, False),
        ({"answered": 900, "errors": {UNSENT: 100}}, True),
        ({"errors": {UNANSWERED: 1}}, True),
        ({"measured": 0}, True),
    ],
)
def test_a_rate_that_is_not_carried_has_no_latency(changes, expected):
    got = result(5.0, **changes)

    assert strained(got) is expected
    turn = at_rate(100, got)
    assert turn.saturated is expected
    assert turn.p50_ms == (0.0 if expected else 5.0)


def test_saturation_is_no_fault_but_a_failed_request_is():
    assert other_faults(overloaded()) == []
    assert other_faults(result(errors={UNSENT: 1, "connection lost": 2})) == [
        "2 requests: connection lost"
    ]
    assert other_faults(result(with_tier=990)) == ["10 responses without a tier"]


@pytest.mark.parametrize(
    ("saturated", "expected"),
    [((False, False), 2.0), ((True, False, False), 2.5), ((True, False), None), ((True,), None)],
)
def test_a_figure_stands_where_more_rounds_carried_the_rate_than_not(saturated, expected):
    turns = [AtRate(100, 1.0 + at, saturated=over) for at, over in enumerate(saturated)]
    turns = [AtRate(100) if turn.saturated and not turn.p50_ms else turn for turn in turns]

    got = carried(turns, lambda turn: turn.p50_ms)

    assert (got and got.median) == (1.5 if expected == 2.0 else expected)


def test_the_report_survives_its_json():
    assert msgspec.json.decode(msgspec.json.encode(report()), type=PeersReport) == report()

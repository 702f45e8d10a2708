"""What became of many streams, and what this machine has to allow for them."""

import io
import resource

import msgspec
import pytest
from rich.console import Console
from unit.bench.fakes import MACHINE
from weighbridge.bench import sse
from weighbridge.bench.sse_client import SseResult
from weighbridge.bench.sse_report import Plateau, SseOptions, SseReport, print_sse
from weighbridge.bench.statistics import Latencies
from weighbridge.bench.streams_gauge import read_gauge
from weighbridge.errors import LocalError


def sse_report(open_at_once=100, **changes):
    some = Latencies(1000.0, 1001.0, 1002.0, 1003.0)
    result = SseResult(
        complete=100,
        incomplete=0,
        errors={},
        statuses={},
        failed_open=0,
        untold=0,
        first_event=some,
        gaps=some,
    )
    return SseReport(
        machine=MACHINE,
        options=SseOptions(streams=100),
        result=msgspec.structs.replace(result, **changes),
        plateau=Plateau(open_at_once, 0, {"router": 64 << 20}, {"router": 22}),
        rss_idle_bytes={"router": 61 << 20},
    )


def test_a_run_without_faults_has_none():
    assert sse_report().faults == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"incomplete": 3}, "3 answers cut or short"),
        ({"failed_open": 1}, "1 requests failed open"),
        ({"untold": 2}, "2 answers without a tier"),
        ({"statuses": {503: 4}}, "4 answers with status 503"),
        ({"errors": {"no answer": 5}}, "5 streams: no answer"),
        ({"open_at_once": 90}, "at most 90 of 100"),
    ],
)
def test_each_fault_is_said(changes, message):
    output = io.StringIO()

    print_sse(Console(file=output, width=200), sse_report(**changes))

    assert message in output.getvalue()


def test_answers_last_until_all_are_open_and_then_for_the_plateau():
    options = SseOptions(streams=5000, per_second=500, itl_ms=500, plateau_s=10)

    assert options.tokens * options.itl_ms / 1000 == 5000 / 500 + 10


@pytest.mark.parametrize(("soft", "set_to"), [(1024, [(10_500, 20_000)]), (10_500, []), (-1, [])])
def test_the_file_limit_is_raised_where_it_is_too_low(monkeypatch, soft, set_to):
    changes = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, 20_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: changes.append(limits))

    sse.raise_file_limit(10_500)

    assert changes == set_to


def test_a_hard_limit_that_is_too_low_is_told_with_the_way_out(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))

    with pytest.raises(LocalError, match=r"needs 10,500 .* may have 4,096 .* take 1,798 streams"):
        sse.raise_file_limit(10_500)


def test_the_gauge_is_found_among_other_metrics():
    text = "# HELP weighbridge_streams_in_flight x\nother 1\nweighbridge_streams_in_flight 3.0\n"

    assert read_gauge(text) == 3


def test_metrics_without_the_gauge_are_an_error():
    with pytest.raises(LocalError, match="weighbridge_streams_in_flight"):
        read_gauge("other 1\n")

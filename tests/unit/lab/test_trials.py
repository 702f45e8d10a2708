import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.ledger import Kind, Ledger, Outcome, Record
from weighbridge_lab.trials import Figures, Trial, table


def record(outcome, status, *, at, **fields):
    return Record(Kind.EASY, at, 0.1, outcome, status, **fields)


def ledger(*records):
    return Ledger(rate=100.0, began=100.0, ended=102.0, late_s=0.0031, records=records)


def figures(*records):
    return Figures.of("a server is killed", ledger(*records), struck=101.0)


GOOD = record(Outcome.COMPLETE, 200, at=101.9)


def test_figures_count_each_kind_of_harm():
    counted = figures(
        GOOD,
        record(Outcome.CUT, 200, at=100.9),
        record(Outcome.REFUSED, 503, at=101.25, code="connection_lost"),
        record(Outcome.REFUSED, 503, at=101.5, code="no_healthy_upstream"),
        record(Outcome.COMPLETE, 200, at=101.75, reason="fail-open"),
    )
    assert (counted.requests, counted.failed, counted.retriable) == (5, 3, 1)
    assert (counted.lost, counted.cut, counted.unweighed) == (1, 1, 1)
    assert (counted.failed_for_s, counted.unweighed_for_s) == (0.5, 0.75)


@pytest.mark.parametrize(
    "records", [(GOOD,), (GOOD, record(Outcome.CUT, 200, at=100.9))], ids=["good", "sent before"]
)
def test_fault_that_harms_nothing_sent_after_it_has_no_last_failure(records):
    assert figures(*records).failed_for_s is None


def test_table_has_a_line_per_fault_in_the_order_of_their_names():
    late = Figures.of("routers hang", ledger(GOOD), struck=101.0)
    lines = table([late, figures(GOOD, record(Outcome.REFUSED, 503, at=102.0))]).splitlines()
    assert lines[0].startswith("| fault | req/s | requests | failed |")
    assert lines[2:] == [
        "| a server is killed | 100 | 2 | 1 | 1 | 0 | 0 | 1.0 s | 0 | - | 3 ms |",
        "| routers hang | 100 | 1 | 0 | 0 | 0 | 0 | - | 0 | - | 3 ms |",
    ]


def test_trial_without_an_endpoint_says_so_and_leaves_no_line():
    lines = []
    with (
        pytest.raises(LabError, match="expected 1 answers"),
        Trial("none", "http://127.0.0.1:1", lines, before=1, rate=20, patience_s=0.3),
    ):
        pytest.fail("nobody answers there")
    assert lines == []

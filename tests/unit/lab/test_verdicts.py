"""Figures of a canary are counted from what its witnesses say."""

import pytest
from weighbridge_lab.change import Measurement, Weight
from weighbridge_lab.gatewaylog import Request
from weighbridge_lab.ledger import Kind, Ledger, Outcome, Record
from weighbridge_lab.verdicts import Figures, meant, table

NEW, OLD = "10.0.0.2", "10.0.0.1"
WEIGHTS = [Weight(0.0, 0), Weight(10.0, 50), Weight(20.0, 0)]


def request(at, server, status=200, subset="stable"):
    return Request(at, "tier-small", f"outbound|8000|{subset}|pool", server, status, "")


class Change:
    """A change as the figures ask it: given up at 20 s, 3 s after the first bad sample."""

    began = 5.0
    end = "aborted"

    def __init__(self, requests):
        self._requests = requests

    def requests(self):
        return self._requests

    def servers(self):
        return {NEW}

    def weights(self):
        return WEIGHTS

    def measurements(self):
        good = Measurement(12.0, "ttft", "Successful", "[1]")
        return [good, Measurement(17.0, "ttft", "Failed", "[9]")]

    def blamed(self):
        return {"ttft"}

    def aborted_at(self):
        return 20.0


def figures(requests, failed=()):
    answers = [Record(Kind.EASY, 0.0, 0.1, Outcome.REFUSED, status) for status in failed]
    ledger = Ledger(rate=10.0, began=0.0, ended=30.0, late_s=0.0, records=tuple(answers))
    return Figures.of("slow", Change(requests), ledger, 25.0)


def test_requests_are_meant_by_the_weight_at_their_time():
    requests = [request(at, OLD) for at in (1.0, 11.0, 12.0, 21.0)]
    assert meant(requests, WEIGHTS) == 1.0


def test_touched_are_those_of_its_pods_and_those_that_found_none_of_them():
    found = figures([request(11, OLD), request(12, NEW), request(13, "", subset="canary")])
    assert (found.requests, found.touched) == (3, 2)
    assert found.beyond == pytest.approx((2 - 1.5) / 3)


def test_times_run_from_its_first_request_over_the_bad_sample_to_abort_and_last_request():
    found = figures([request(14.0, NEW), request(19.0, NEW), request(24.0, OLD)])
    assert (found.sample_s, found.abort_s, found.clear_s) == (3.0, 3.0, 2.0)
    assert found.seconds == 20.0


def test_failures_are_told_apart_by_who_had_them():
    found = figures([request(14.0, NEW, 500), request(15.0, OLD)], failed=[500, 503])
    assert (found.failed_new, found.failed_else) == (1, 1)


def test_a_canary_that_had_no_request_has_no_times():
    found = figures([])
    assert (found.sample_s, found.clear_s, found.beyond) == (None, None, 0.0)


def test_table_has_a_row_for_each():
    lines = table([figures([request(14.0, NEW)]), figures([])]).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert "slow" in lines[2]

"""What is printed and written: every target, ratios with their spread, saturated said as such."""

import io

import pytest
from rich.console import Console
from unit.bench.peers.peers_fakes import case, overloaded, report
from weighbridge.bench.peers.page import page
from weighbridge.bench.peers.tables import print_peers, sheets


def printed(a_report):
    output = io.StringIO()
    print_peers(Console(file=output, width=220), a_report)
    return output.getvalue()


def row(a_report, title, first):
    (sheet,) = (each for each in sheets(a_report) if title in each.title)
    (found,) = (line for line in sheet.rows if line[0] == first)
    return dict(zip(sheet.columns, found, strict=True))


@pytest.mark.parametrize("render", [printed, page])
def test_all_targets_and_both_ratios_are_said(render):
    text = render(report())

    for words in ("plain Envoy", "empty handler", "router", "LiteLLM 9.9.9", "8.0", "100.0 MiB"):
        assert words in text
    assert "30.0 (30.0 to 30.0)" in text
    assert "10.0 (10.0 to 10.0)" in text
    assert "9.00 (8.00 to 10.00) s" in text


def test_a_rate_that_one_target_can_not_carry_is_saturated_there_alone():
    cells = row(report(), "fixed rates", "1000")

    assert cells["LiteLLM"] == "saturated"
    assert cells["router"] == "5.00 / 8.00"


def test_a_rate_that_was_too_much_in_one_round_says_so():
    mixed = report()
    turns = mixed.rates["router"]
    turns.append([turns[0][0], type(turns[0][1])(1000, saturated=True)])

    assert row(mixed, "fixed rates", "1000")["router"].endswith("saturated in 1 of 3")


def test_throughput_that_could_not_be_measured_is_no_number():
    slow = report(cases=[case(litellm=[overloaded()] * 2)])

    assert row(slow, "Throughput", "300 B")["LiteLLM"] == "saturated"
    assert row(slow, "round by round", "300 B")["throughput, router / LiteLLM"] == "saturated"


@pytest.mark.parametrize("render", [printed, page])
def test_faults_are_said_with_the_numbers(render):
    text = render(report(faults=["300 B, round 1, litellm: 2 responses with status 500"]))

    assert "worth nothing" in text
    assert "status 500" in text


def test_each_table_of_the_page_has_as_many_cells_in_every_row():
    tables = [
        [line for line in part.splitlines() if line.startswith("|")]
        for part in page(report()).split("\n\n")
    ]

    widths = [{line.count("|") for line in table} for table in tables if table]
    assert len(widths) == 6
    assert all(len(width) == 1 for width in widths)

"""The page of `learn report`."""

import msgspec
import pytest
from unit.learn.report.samples import rows
from unit.learn.report.test_figures import POINTS
from weighbridge.learn.report.analysis import Rows
from weighbridge.learn.report.document import make_report, render
from weighbridge.learn.report.sections import Costs


def test_the_verdict_is_the_first_thing_on_the_page():
    report = make_report(rows())

    page = render(report)

    assert report.verdict.ship
    assert page.index("ship") < page.index("<h2>Does it rank")


@pytest.mark.parametrize(
    ("options", "heading"),
    [
        ({"learning_curve": POINTS}, "What more labels would buy"),
        ({"costs": Costs(1.0, 2.0)}, "cost of 1,000 requests"),
        ({"remarks": ["9 of 10 rows left out"]}, "9 of 10 rows left out"),
    ],
)
def test_what_is_known_besides_has_its_place(options, heading):
    assert heading in render(make_report(rows(), **options))
    assert heading not in render(make_report(rows()))


def test_without_tasks_there_is_no_table_of_them():
    assert "Task by task" in render(make_report(rows()))
    assert "Task by task" not in render(make_report(rows(tasks=False)))


def test_a_pair_without_a_gap_gets_a_page_that_says_so():
    flat = Rows("flat", rows(20).scores, rows(20).weak, rows(20).weak)

    page = render(make_report(flat))

    assert "do not ship: nothing could be measured" in page
    assert "<svg" not in page


def test_the_same_numbers_are_json():
    report = make_report(rows(), costs=Costs(1, 2), learning_curve=POINTS, remarks=["r"])

    decoded = msgspec.json.decode(msgspec.json.encode(report))

    assert decoded["verdict"]["line"] == report.verdict.line
    assert decoded["learning_curve"][1]["labels"] == 400
    assert decoded["analysis"]["scores"][1]["name"] == "length"

"""The parts of a page about one analysis."""

import pytest
from unit.learn.report.samples import analysis, no_gap
from weighbridge.learn.report import sections
from weighbridge.learn.report.sections import Costs


def test_results_show_all_scores_and_random():
    made = sections.results(analysis())

    for name in ("fitted", "length", "random (range of luck)", "p99 µs"):
        assert name in made


def test_untimed_results_have_no_columns_of_time():
    import msgspec
    from unit.learn.report.samples import rows
    from weighbridge.learn.report.analysis import analyse

    made = sections.results(analyse(msgspec.structs.replace(rows(), seconds={})))

    assert "µs" not in made


def test_what_could_not_be_measured_is_said_instead():
    parts = list(sections.measured(no_gap(), "x"))

    assert len(parts) == 2
    assert "Not measured: expected the strong model to be better" in parts[1]


def test_tasks_with_few_rows_are_held_back():
    made = sections.tasks(analysis())

    assert made.count('class="pale"') == 3
    assert "a (few rows)" in made


@pytest.mark.parametrize(("share", "cost"), [(0.0, 0.4), (1.0, 2.0), (0.25, 0.8)])
def test_the_cost_of_a_share_lies_between_the_pools(share, cost):
    assert Costs(small=0.4, large=2.0).at(share) == pytest.approx(cost)


def test_costs_have_a_column_only_where_they_are_known():
    assert "cost of 1,000 requests" in sections.thresholds(analysis(), Costs(1, 2))
    assert "cost" not in sections.thresholds(analysis())


def test_groups_are_listed_from_easy_to_hard():
    made = analysis()

    table = sections.groups(made)

    assert table.count("<tr>") == 1 + len(made.groups)

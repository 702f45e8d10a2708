"""What is said of one set of rows."""

import math

import msgspec
import numpy as np
import pytest
from unit.learn.report.samples import analysis, no_gap, rows
from weighbridge.learn import quality
from weighbridge.learn.report.analysis import Rows, analyse


def test_the_subject_comes_first_and_the_others_tell_its_lead():
    made = analysis()

    assert [score.name for score in made.scores] == ["fitted", "length"]
    assert made.subject.lead is None
    lead = made.named("length").lead
    values = [score.quality.apgr.value for score in made.scores]
    assert lead.value == pytest.approx(values[0] - values[1])
    assert 0 < lead.low < lead.value < lead.high


def test_an_unknown_score_is_none():
    assert analysis().named("LiteLLM") is None


def test_times_are_told_in_microseconds_and_only_where_they_were_taken():
    made = analyse(msgspec.structs.replace(rows(), seconds={"fitted": np.array([1e-6, 3e-6])}))

    assert made.subject.p50_us == pytest.approx(2)
    assert made.subject.p99_us == pytest.approx(2.98)
    assert made.named("length").p50_us is None


def test_rows_without_a_gap_are_told_and_not_measured():
    made = no_gap()

    assert "no gap to recover" in made.fault
    assert (made.rows, made.scores, made.tasks) == (2, [], [])


def test_a_score_that_is_no_number_is_refused():
    bad = Rows("x", {"s": np.array([0.1, math.nan])}, np.zeros(2), np.ones(2))

    with pytest.raises(ValueError, match="score: expected finite"):
        analyse(bad)


def test_tasks_are_listed_by_size_with_few_rows_marked():
    plain = rows(310)
    tasks = ["big"] * 200 + ["small"] * 109 + ["one"]
    made = analyse(msgspec.structs.replace(plain, tasks=tasks))

    assert [(row.task, row.rows, row.few) for row in made.tasks] == [
        ("big", 200, False),
        ("small", 109, False),
        ("one", 1, True),
    ]
    assert made.tasks[2].apgr is None
    here = quality.Outcomes.of(plain.weak[:200], plain.strong[:200])
    assert made.tasks[0].apgr.value == quality.apgr(plain.scores["fitted"][:200], here)
    assert made.tasks[0].others["length"] == quality.apgr(plain.scores["length"][:200], here)


def test_a_task_on_which_large_is_no_better_has_no_apgr():
    flat = Rows(
        "x",
        {"s": np.linspace(0, 1, 6)},
        np.zeros(6),
        np.array([1.0, 1, 0, 0, 0, 0]),
        tasks=["up", "up", "up", "flat", "flat", "flat"],
    )

    by_task = {row.task: row for row in analyse(flat).tasks}

    assert by_task["flat"].apgr is None
    assert by_task["flat"].others == {}
    assert by_task["up"].apgr.value == pytest.approx(1 / 3)


def test_a_threshold_sends_what_lies_at_or_above_it():
    made = analyse(
        Rows("x", {"s": np.array([0.1, 0.5, 0.9, 0.5])}, np.zeros(4), np.array([0.0, 1, 1, 0]))
    )

    at_half = next(point for point in made.thresholds if point.threshold == 0.5)

    assert (at_half.share, at_half.quality) == (0.75, 0.5)
    assert sum(made.histogram) == 4


def test_tenths_climb_with_a_score_that_knows():
    made = analysis(count=1000)

    gains = [group.gain.value for group in made.groups]
    assert len(gains) == 10
    assert sum(group.rows for group in made.groups) == 1000
    assert gains[-1] > gains[0]
    assert all(group.needed.value == pytest.approx(group.gain.value) for group in made.groups)
    edges = [edge for group in made.groups for edge in (group.low, group.high)]
    assert edges == sorted(edges)


def test_fewer_rows_than_tenths_make_groups_of_one():
    made = analyse(Rows("x", {"s": np.array([0.1, 0.9])}, np.zeros(2), np.array([0.0, 1.0])))

    assert [group.rows for group in made.groups] == [1, 1]
    assert math.isnan(made.groups[0].gain.low)


def test_it_goes_into_json_whole():
    decoded = msgspec.json.decode(msgspec.json.encode(analysis()))

    assert decoded["scores"][0]["quality"]["apgr"]["value"] > 0.5
    assert len(decoded["scores"][0]["curve"]["share"]) == 101

"""Graded cases: what is right, and how it is counted."""

import math

import pytest
from unit.bodies import EASY, HARD
from unit.training.fakes import case, write_cases
from weighbridge.errors import RecordError
from weighbridge.generation import Generation
from weighbridge_training import graded
from weighbridge_training.graded import GradedCase


@pytest.fixture(scope="module")
def generation():
    return Generation.load(None)


@pytest.mark.parametrize(
    ("difficulty", "hard"), [(1, False), (2, False), (3, None), (4, True), (5, True)]
)
def test_a_grade_asks_for_a_tier_or_for_none(difficulty, hard):
    assert GradedCase(**case(1, difficulty)).hard is hard


def test_cases_are_decided_by_the_router(generation, tmp_path):
    decided = graded.decide(generation, graded.read_cases(write_cases(tmp_path)))

    assert [(one.large, one.right) for one in decided if one.case.hard is not None] == [
        (False, True),
        (True, True),
        (False, False),
    ]


def test_a_chat_is_decided_by_its_last_ask(generation):
    turns = [{"role": "user", "content": EASY}, {"role": "assistant", "content": "Paris"}]
    asked = GradedCase(**case(1, 5, messages=[*turns, {"role": "user", "content": HARD}]))

    assert graded.decide(generation, [asked])[0].right


def test_what_is_right_is_counted_by_group_language_and_difficulty(generation, tmp_path):
    report = graded.report(graded.decide(generation, graded.read_cases(write_cases(tmp_path))))

    assert (report.total.cases, report.total.right) == (3, 2)
    assert [(group.group, group.right, group.cases) for group in report.groups] == [
        ("g", 2, 2),
        ("short", 0, 1),
    ]
    assert report.groups[1].wrong == ["short-4"]
    assert [one.group for one in report.languages] == ["en"]
    assert [one.group for one in report.difficulties] == [f"difficulty {n}" for n in (1, 4, 5)]
    assert 0 < report.total.share.low < 2 / 3 < report.total.share.high < 1


def test_separation_needs_easy_and_hard_ones(generation):
    only_easy = graded.report(graded.decide(generation, [GradedCase(**case(1, 1))]))

    assert math.isnan(only_easy.separation)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "expected \\*.jsonl"),
        ([case(1, 1), case(1, 2)], "stands twice"),
        ([{**case(1, 1), "note": "x"}], "cases.jsonl:1: .*note"),
        ([case(1, 1, "x"), case(2, 1, messages=[])], "cases.jsonl:2: expected one of"),
        ([{**case(1, 1, "x"), "messages": [{"role": "user"}]}], "expected one of"),
        ([case(1, "hard")], "cases.jsonl:1: "),
    ],
)
def test_cases_that_are_none_are_named(tmp_path, rows, said):
    with pytest.raises(RecordError, match=said):
        graded.read_cases(write_cases(tmp_path, rows))


def test_our_own_cases_can_be_read():
    cases = graded.read_cases(graded.CASES / "test")

    assert all(1 <= one.difficulty <= 5 for one in cases)

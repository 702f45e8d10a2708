"""The graded cases are what their README says, and the two parts have nothing in common."""

import json
import re
from collections import Counter

import pytest
from weighbridge_training.graded import CASES, EASY, HARD, read_cases

PARTS = ("train", "test")
ALIKE = 0.75
"""Share of words in common past which two prompts are one."""


def text(case):
    return case.prompt or json.dumps(case.messages, ensure_ascii=False)


def words(case):
    return frozenset(re.findall(r"\w+", text(case).lower()))


@pytest.fixture(scope="module")
def cases():
    return {part: read_cases(CASES / part) for part in PARTS}


def test_there_are_enough_of_them_in_both_parts(cases):
    assert len(cases["train"]) >= 2000
    assert len(cases["test"]) >= 400


def test_ids_are_unique_over_both_parts(cases):
    ids = Counter(case.id for part in cases.values() for case in part)

    assert [one for one, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("part", PARTS)
def test_files_are_named_after_their_group(part):
    for path in sorted((CASES / part).glob("*.jsonl")):
        groups = {json.loads(line)["group"] for line in path.read_text("utf-8").splitlines()}
        assert groups == {path.stem}


def test_grades_are_in_range_and_the_test_part_has_no_toss_ups(cases):
    assert {case.difficulty for case in cases["train"]} == {1, 2, 3, 4, 5}
    assert {case.difficulty for case in cases["test"]} == {1, EASY, HARD, 5}


def test_no_prompt_of_the_test_part_is_trained_on(cases):
    trained = [(case.id, words(case)) for case in cases["train"]]
    texts = {text(case).casefold() for case in cases["train"]}

    for case in cases["test"]:
        assert text(case).casefold() not in texts
        here = words(case)
        alike = [
            one for one, there in trained if here and len(here & there) > ALIKE * len(here | there)
        ]
        assert len(here) < 4 or alike == [], case.id

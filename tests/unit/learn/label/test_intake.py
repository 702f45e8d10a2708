"""Prompts are read once each, and those that can't be graded are told before any is asked."""

import pytest
from weighbridge.errors import LearnError, RecordError
from weighbridge.learn.label.intake import Numbered, check_gradable, choose_method, read_intake
from weighbridge.learn.label.options import Method
from weighbridge.learn.records import PromptLine

from .conftest import write_jsonl


def numbered(*prompts):
    return [Numbered(number, prompt) for number, prompt in enumerate(prompts, 1)]


def test_prompts_keep_their_line_numbers_across_empty_lines(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "a"}\n\n{"prompt": "b"}\n')
    assert [each.number for each in read_intake(path).prompts] == [1, 3]


def test_equal_prompts_without_an_id_are_asked_once(tmp_path):
    path = write_jsonl(tmp_path / "p.jsonl", [{"prompt": "a"}, {"prompt": "b"}, {"prompt": "a"}])
    intake = read_intake(path)
    assert [each.prompt.prompt for each in intake.prompts] == ["a", "b"]
    assert intake.repeated == 1


def test_a_made_id_that_another_prompt_was_given_is_refused(tmp_path):
    path = write_jsonl(tmp_path / "p.jsonl", [{"prompt": "a"}])
    made = read_intake(path).prompts[0].prompt.id
    write_jsonl(path, [{"prompt": "b", "id": made}, {"prompt": "a"}])
    with pytest.raises(RecordError, match=":2: id"):
        read_intake(path)


def test_a_file_without_prompts_is_refused(tmp_path):
    (tmp_path / "p.jsonl").write_text("\n")
    with pytest.raises(RecordError, match="came none"):
        read_intake(tmp_path / "p.jsonl")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(RecordError, match="can't be read"):
        read_intake(tmp_path / "none.jsonl")


@pytest.mark.parametrize(
    ("field", "method"),
    [("reference", Method.EXACT), ("pattern", Method.REGEX), ("tests", Method.TESTS)],
)
def test_the_one_verifier_that_all_prompts_are_made_for_is_chosen(field, method):
    prompts = numbered(*(PromptLine(id=name, prompt="?", **{field: "x"}) for name in "ab"))
    assert choose_method(prompts) is method


@pytest.mark.parametrize(
    "fields",
    [
        ({}, {}),
        ({"reference": "x"}, {"pattern": "x"}),
        ({"reference": "x", "pattern": "x"}, {"reference": "x", "pattern": "x"}),
    ],
)
def test_where_none_or_several_fit_the_choice_is_the_users(fields):
    prompts = numbered(*(PromptLine(prompt="?", **each) for each in fields))
    with pytest.raises(LearnError, match="--judge exact"):
        choose_method(prompts)


@pytest.mark.parametrize(
    ("method", "prompt", "fault"),
    [
        (Method.EXACT, PromptLine(id="a", prompt="?"), "expected 'reference'"),
        (Method.EXACT, PromptLine(id="a", prompt="?", reference=" "), "expected 'reference'"),
        (Method.REGEX, PromptLine(id="a", prompt="?"), "expected 'pattern'"),
        (Method.REGEX, PromptLine(id="a", prompt="?", pattern="("), "can't be compiled"),
        (Method.TESTS, PromptLine(id="a", prompt="?"), "expected 'tests'"),
        (Method.TESTS, PromptLine(id="a", prompt="?", tests="assert ("), "can't be compiled"),
    ],
)
def test_prompts_that_lack_what_the_grader_needs_are_told_by_line_and_id(
    tmp_path, method, prompt, fault
):
    path = tmp_path / "p.jsonl"
    with pytest.raises(LearnError) as raised:
        check_gradable(
            path,
            numbered(PromptLine(id="ok", reference="1", pattern="1", tests="1"), prompt),
            method,
        )
    assert f"{path}:2: id 'a': " in str(raised.value)
    assert fault in str(raised.value)
    assert "1 of 2 prompts" in str(raised.value)


def test_a_long_list_of_faults_is_cut(tmp_path):
    prompts = numbered(*(PromptLine(id=str(number)) for number in range(30)))
    with pytest.raises(LearnError, match="and 20 more"):
        check_gradable(tmp_path, prompts, Method.EXACT)


@pytest.mark.parametrize(
    ("method", "field", "value"),
    [
        (Method.JUDGE, "task", ""),
        (Method.EXACT, "reference", "4"),
        (Method.REGEX, "pattern", "[[]a"),
        (Method.TESTS, "tests", "assert '\\d'"),
    ],
)
def test_what_can_be_graded_passes_in_silence(tmp_path, method, field, value):
    check_gradable(tmp_path, numbered(PromptLine(prompt="?", **{field: value})), method)

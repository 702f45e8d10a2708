"""Intake: every common shape of a line becomes the same prompt, every other says what it lacks."""

import pytest
from unit.bodies import assistant, chat, encode, text_part, user
from weighbridge.learn.intake import Fault, Unfit, read_line
from weighbridge.learn.records import PromptLine

SYSTEM = {"role": "system", "content": "Be kind."}
ASK = PromptLine(prompt="Why?")
TALK = PromptLine(messages=[SYSTEM, user("Hi"), assistant("Hello."), user("Why?")])
TALKED = {"messages": TALK.messages}

ONE_PROMPT = [
    {"prompt": "Why?"},
    {"prompt": None, "question": "Why?"},
    {"question": "Why?", "answer": "Because."},
    {"query": "Why?"},
    {"text": "Why?"},
    {"input": "Why?", "model": "m"},
    {"input": [user("Why?")]},
    {"instruction": "Why?", "input": "", "output": "Because."},
    {"messages": [user("Why?")], "model": "m", "stream": True},
    {"messages": [user([text_part("Why?")])]},
    {"messages": [user("Why?"), assistant("Because.")]},
    {"prompt": [user("Why?")], "chosen": "x"},
    {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
    {"custom_id": "", "method": "POST", "body": {"messages": [user("Why?")]}},
    {"prompt": "Why?", "score_small": 1, "score_large": 0, "evidence": {"a": 1}},
    "Why?",
]

FAULTS = [
    (b"{oops", Unfit.NOT_JSON, "JSON is malformed"),
    (b'"\xff"', Unfit.NOT_JSON, ""),
    (b"[" * 100_000, Unfit.NOT_JSON, ""),
    (b"[1, 2]", Unfit.NOT_JSON, "jq -c '.[]'"),
    (b"7", Unfit.NOT_JSON, "came a int"),
    (b"null", Unfit.NOT_JSON, "came a NoneType"),
    (b"{}", Unfit.NO_PROMPT, "expected one of the fields messages, conversations, prompt"),
    (b'{"prompt": 7}', Unfit.NO_PROMPT, "expected one of the fields"),
    (b'{"prompt": ["a", "b"]}', Unfit.NO_PROMPT, "expected one of the fields"),
    (b'{"messages": []}', Unfit.NO_PROMPT, "expected one of the fields"),
    (b'{"messages": [{"role": 7}]}', Unfit.NO_PROMPT, "expected a chat request"),
    (b'{"input": [[1, 2]]}', Unfit.NO_PROMPT, "expected a responses request"),
    (b'{"prompt": " "}', Unfit.NO_WORDS, ""),
    (encode({"messages": [SYSTEM, assistant()]}), Unfit.NO_WORDS, ""),
    (chat([text_part("See?"), {"type": "image_url"}]), Unfit.MEDIA, ""),
]


@pytest.mark.parametrize("document", ONE_PROMPT, ids=str)
def test_a_prompt_is_found_in_any_of_the_common_shapes(document):
    assert read_line(encode(document)) == ASK


@pytest.mark.parametrize(
    "document",
    [
        TALKED,
        {"messages": TALK.messages[1:], "system": "Be kind."},
        {"input": TALK.messages[1:], "instructions": "Be kind."},
        {"body": TALKED},
        {
            "system": "Be kind.",
            "conversations": [
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "Hello."},
                {"from": "human", "value": "Why?"},
                {"from": "gpt", "value": "So."},
            ],
        },
    ],
    ids=str,
)
def test_a_conversation_is_kept_as_messages(document):
    assert read_line(encode(document)) == TALK


def test_an_instruction_and_its_input_make_one_prompt():
    line = read_line(encode({"instruction": "Translate.", "input": "żółw"}))

    assert line == PromptLine(prompt="Translate.\n\nżółw")


def test_what_a_grader_needs_is_kept():
    graded = {"reference": "42", "pattern": "4.", "tests": "assert f() == 42"}

    assert read_line(encode({"prompt": "Why?", **graded})) == PromptLine(prompt="Why?", **graded)
    assert read_line(encode({"prompt": "Why?", "reference": 42})).reference == "42"


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"id": "a"}, "a"), ({"id": 7}, "7"), ({"custom_id": "r"}, "r"), ({"id": {}}, ""), ({}, "")],
)
def test_an_id_is_kept_where_there_is_one(fields, name):
    assert read_line(encode({"prompt": "Why?", **fields})).id == name


@pytest.mark.parametrize(
    ("field", "task"),
    [("task", "plain"), ("meta.kind", "maths"), ("meta.year", "2024"), ("meta", ""), ("x.y", "")],
)
def test_the_task_is_taken_from_the_field_that_was_named(field, task):
    meta = {"kind": "maths", "year": 2024}

    assert read_line(encode({"prompt": "Why?", "task": "plain", "meta": meta}), field).task == task


@pytest.mark.parametrize(("raw", "unfit", "detail"), FAULTS)
def test_what_is_no_prompt_says_what_was_expected(raw, unfit, detail):
    fault = read_line(raw + b"\n")

    assert isinstance(fault, Fault)
    assert fault.unfit is unfit
    assert detail in fault.detail


def test_a_fault_holds_no_word_of_the_line():
    words = b"my diagnosis is a rare disease"

    for raw in (words, b'{"prompt": ' + words, b'{"messages": [{"role": "%b", 7}]}' % words):
        assert words.decode() not in read_line(raw).detail


def test_a_line_that_was_cut_off_says_so():
    assert "still being written" in read_line(b'{"prompt": "Wh').detail
    assert "still being written" not in read_line(b'{"prompt": "Wh\n').detail

"""Transcripts: all words of a conversation, by whom they were said, and nothing else."""

import pytest
from unit.bodies import assistant, chat, encode, text_part, user
from weighbridge.contract import Endpoint
from weighbridge.errors import BodyUnparsedError
from weighbridge.transcript import read_transcript


def words(body, endpoint=Endpoint.CHAT):
    return [(m.role, m.content) for m in read_transcript(body, endpoint).messages]


def messages(*turns, **fields):
    return encode({"messages": list(turns), **fields})


def test_a_chat_is_read_whole_and_in_order():
    body = messages(
        {"role": "developer", "content": "Be short."}, user("a"), assistant(), user("b")
    )

    assert words(body) == [
        ("system", "Be short."),
        ("user", "a"),
        ("assistant", "Done."),
        ("user", "b"),
    ]


def test_a_long_text_is_read_to_its_last_word():
    text = "żółw " * 50_000

    assert words(chat(text)) == [("user", text)]
    assert words(messages(user(text), user("end"))) == [("user", f"{text}\n\nend")]


def test_text_parts_are_joined():
    assert words(chat([text_part("look:"), text_part("here")])) == [("user", "look:\nhere")]


def test_an_agents_calls_and_what_tools_said_are_left_out():
    body = messages(
        user("Fix the bug."),
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "SECRET FILE"},
        assistant("I see."),
        {"role": "assistant", "content": "", "tool_calls": [{"id": "2"}]},
        {"role": "tool", "tool_call_id": "2", "content": "more"},
        assistant("Fixed."),
        user("Thanks, and now the tests"),
    )

    assert words(body) == [
        ("user", "Fix the bug."),
        ("assistant", "I see.\n\nFixed."),
        ("user", "Thanks, and now the tests"),
    ]


def test_what_comes_after_the_users_last_words_is_left_out():
    body = messages(
        user("Fix the bug."),
        assistant("Looking."),
        {"role": "user", "content": [{"type": "tool_result", "content": "SECRET FILE"}]},
    )

    assert words(body) == [("user", "Fix the bug.")]


@pytest.mark.parametrize(
    ("system", "text"),
    [("Be kind.", "Be kind."), ([text_part("Be"), text_part("kind.")], "Be\nkind.")],
)
def test_the_system_text_beside_the_messages_comes_first(system, text):
    body = messages(user("hi"), system=system)

    assert words(body, Endpoint.MESSAGES) == [("system", text), ("user", "hi")]


def test_a_system_text_that_is_null_is_none():
    assert words(messages(user("hi"), system=None), Endpoint.MESSAGES) == [("user", "hi")]


@pytest.mark.parametrize("given", ["hi", [user("hi")], [user([text_part("hi")])]])
def test_a_responses_request_has_instructions_and_input(given):
    body = encode({"instructions": "Be kind.", "input": given})

    assert words(body, Endpoint.RESPONSES) == [("system", "Be kind."), ("user", "hi")]


def test_items_of_functions_are_no_words():
    items = [user("hi"), {"type": "function_call", "arguments": "{}"}, user("again")]
    items.insert(2, {"type": "function_call_output", "output": "SECRET"})

    assert words(encode({"input": items}), Endpoint.RESPONSES) == [("user", "hi\n\nagain")]


@pytest.mark.parametrize("prompt", ["Once upon", ["Once upon"]])
def test_a_completion_is_what_a_user_said(prompt):
    assert words(encode({"prompt": prompt}), Endpoint.COMPLETIONS) == [("user", "Once upon")]


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1, 2]], [], "", " \n", 7, None])
def test_batches_tokens_and_nothing_have_no_words(prompt):
    assert words(encode({"prompt": prompt}), Endpoint.COMPLETIONS) == []


@pytest.mark.parametrize(
    "turns",
    [
        [],
        [assistant("hello")],
        [{"role": "system", "content": "x"}],
        [user("")],
        [user(None)],
        [user([])],
    ],
)
def test_without_a_word_of_a_user_there_is_no_transcript(turns):
    assert words(messages(*turns, system="Be kind.")) == []


@pytest.mark.parametrize("part", [{"type": "image_url"}, {"type": "input_audio"}])
def test_images_and_audio_are_told(part):
    with_media = read_transcript(chat([text_part("What is this?"), part]), Endpoint.CHAT)

    assert with_media.has_media
    assert not read_transcript(chat("What is this?"), Endpoint.CHAT).has_media


def test_half_a_surrogate_pair_does_not_get_through():
    body = b'{"messages": [{"role": "user", "content": "a\\ud83db"}]}'

    assert words(body) == [("user", "a?b")]


@pytest.mark.parametrize(
    "body",
    [
        b"broken",
        b"[]",
        b'{"messages": "no list"}',
        b'{"messages": [' + b"[" * 100_000,
        b'{"messages": [{"role": "user", "content": "\xff"}]} trailing',
        encode({"messages": [{"role": 1}]}),
        encode({"messages": [user("x")], "system": [1]}),
    ],
)
def test_what_has_another_shape_is_refused(body):
    with pytest.raises(BodyUnparsedError, match="expected a chat request"):
        words(body)

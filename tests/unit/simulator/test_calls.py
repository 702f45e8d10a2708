import json

import pytest
from weighbridge_simulator.calls import Endpoint, read_call
from weighbridge_simulator.errors import ApiError
from weighbridge_simulator.prompts import MEDIA_TOKENS

USER = {"role": "user", "content": "How heavy?"}


def read(endpoint, **body):
    return read_call(endpoint, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (Endpoint.CHAT, {"messages": [USER]}),
        (Endpoint.CHAT, {"messages": [{"role": "user", "content": [{"text": "How heavy?"}]}]}),
        (Endpoint.COMPLETIONS, {"prompt": "How heavy?"}),
        (Endpoint.COMPLETIONS, {"prompt": ["How heavy?"]}),
        (Endpoint.EMBEDDINGS, {"input": "How heavy?"}),
        (Endpoint.RESPONSES, {"input": "How heavy?"}),
        (Endpoint.RESPONSES, {"input": [USER]}),
        (Endpoint.MESSAGES, {"messages": [USER], "max_tokens": 5}),
    ],
)
def test_each_shape_yields_the_question(endpoint, body):
    (prompt,) = read(endpoint, **body).prompts
    assert prompt.question == "How heavy?"
    assert prompt.content.endswith(b"How heavy?")


def test_the_question_is_the_newest_text_of_the_user():
    turns = [USER, {"role": "assistant", "content": "40 t"}, {"role": "user", "content": "Sure?"}]
    assert read(Endpoint.CHAT, messages=turns).prompts[0].question == "Sure?"


def test_token_ids_are_counted_by_their_number():
    one, two = read(Endpoint.COMPLETIONS, prompt=[[1, 2, 3], [70000] * 7]).prompts
    assert (one.tokens, two.tokens) == (3, 7)
    assert read(Endpoint.EMBEDDINGS, input=[5] * 11).prompts[0].tokens == 11


def test_an_image_costs_the_same_whatever_its_size():
    def tokens(size):
        image = {"type": "image_url", "image_url": {"url": "data:" + "A" * size}}
        return read(Endpoint.CHAT, messages=[{"role": "user", "content": [image]}]).prompts[0]

    assert tokens(10).tokens == tokens(100_000).tokens >= MEDIA_TOKENS
    assert tokens(10).content != tokens(100_000).content


def test_tools_tool_results_and_system_texts_count_as_prompt():
    plain = read(Endpoint.MESSAGES, messages=[USER], max_tokens=1).prompts[0].tokens
    result = {"type": "tool_result", "tool_use_id": "1", "content": "z" * 400}
    full = read(
        Endpoint.MESSAGES,
        messages=[USER, {"role": "user", "content": [result]}],
        system=[{"type": "text", "text": "y" * 400}],
        tools=[{"name": "x" * 400}],
        max_tokens=1,
    )
    assert full.prompts[0].tokens >= plain + 300


def test_sampling_fields_are_read():
    call = read(
        Endpoint.CHAT,
        model="m",
        messages=[USER],
        n=3,
        max_tokens=10,
        max_completion_tokens=7,
        min_tokens=2,
        ignore_eos=True,
        stream=True,
        stream_options={"include_usage": True},
        seed=5,
        stop="x",
        temperature=0.1,
        logprobs=True,
    )
    assert (call.model, call.n, call.max_tokens, call.min_tokens) == ("m", 3, 7, 2)
    assert (call.ignore_eos, call.stream, call.include_usage) == (True, True, True)
    assert (call.seed, call.stop) == (5, ("x",))


def test_completions_have_a_default_length_and_chat_has_none():
    assert read(Endpoint.COMPLETIONS, prompt="a").max_tokens == 16
    assert read(Endpoint.CHAT, messages=[USER]).max_tokens is None


@pytest.mark.parametrize(
    ("endpoint", "body", "param"),
    [
        (Endpoint.CHAT, {}, "messages"),
        (Endpoint.CHAT, {"messages": []}, "messages"),
        (Endpoint.CHAT, {"messages": "hi"}, "messages"),
        (Endpoint.CHAT, {"messages": [USER], "max_tokens": 0}, "max_tokens"),
        (Endpoint.CHAT, {"messages": [USER], "n": 0}, "n"),
        (Endpoint.COMPLETIONS, {}, "prompt"),
        (Endpoint.COMPLETIONS, {"prompt": []}, "prompt"),
        (Endpoint.COMPLETIONS, {"prompt": [-1]}, "prompt"),
        (Endpoint.EMBEDDINGS, {"model": "m"}, "input"),
        (Endpoint.RESPONSES, {}, "input"),
        (Endpoint.MESSAGES, {"messages": [USER]}, "max_tokens"),
    ],
)
def test_what_is_missing_or_impossible_is_named(endpoint, body, param):
    with pytest.raises(ApiError) as refusal:
        read(endpoint, **body)
    assert refusal.value.status == 400
    assert refusal.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"messages": [}'])
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(ApiError) as refusal:
        read_call(Endpoint.CHAT, body)
    assert refusal.value.status == 400

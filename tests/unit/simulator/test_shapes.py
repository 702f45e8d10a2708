"""Answers as clients read them: OpenAI's by OpenAI's own client, Anthropic's by hand."""

import json
from contextlib import asynccontextmanager

import pytest
from openai import AsyncOpenAI

USER = [{"role": "user", "content": "What does a lorry weigh?"}]


@asynccontextmanager
async def openai(client):
    async with AsyncOpenAI(base_url=f"{client.url}/v1", api_key="none", max_retries=0) as official:
        yield official


def named_events(lines):
    """Names and data of server-sent events."""
    names = [line.removeprefix("event: ") for line in lines[::2]]
    data = [json.loads(line.removeprefix("data: ")) for line in lines[1::2]]
    assert names == [each["type"] for each in data]
    return data


async def test_a_chat_answer_is_read_by_the_official_client(start):
    async with openai(await start(served_model_names=("gemma",))) as official:
        answer = await official.chat.completions.create(
            model="gemma", messages=USER, max_tokens=5, n=2, extra_body={"ignore_eos": True}
        )
    assert answer.object == "chat.completion"
    assert answer.id.startswith("chatcmpl-")
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    assert all(len(choice.message.content.split()) == 5 for choice in answer.choices)
    assert answer.usage.completion_tokens == 10
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 10


async def test_a_streamed_chat_says_the_same_as_a_whole_one(start):
    async with openai(await start()) as official:
        asked = {"model": "simulated", "messages": USER, "seed": 4, "n": 2}
        whole = await official.chat.completions.create(**asked)
        texts, finishes, usages = ["", ""], [None, None], []
        stream = await official.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        async for chunk in stream:
            assert chunk.object == "chat.completion.chunk"
            usages.append(chunk.usage)
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
                finishes[choice.index] = choice.finish_reason or finishes[choice.index]
    assert texts == [choice.message.content for choice in whole.choices]
    assert finishes == [choice.finish_reason for choice in whole.choices]
    assert usages[-1] == whole.usage
    assert set(usages[:-1]) == {None}


async def test_a_token_is_a_chunk_and_the_first_chunk_says_whose_turn_it_is(start):
    client = await start(itl_ms=2.0, ttft_ms=1.0, speed=1.0)
    lines = await client.lines(ignore_eos=True, max_tokens=6)
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: "))["choices"][0] for line in lines[:-1]]
    assert chunks[0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["finish_reason"] for chunk in chunks] == [None] * 6 + ["length"]
    assert all(chunk["delta"]["content"].strip() for chunk in chunks[1:])


async def test_completions_are_read_by_the_official_client(start):
    async with openai(await start()) as official:
        asked = {"model": "simulated", "prompt": ["one", "two"], "max_tokens": 6}
        whole = await official.completions.create(**asked)
        texts = ["", ""]
        async for chunk in await official.completions.create(**asked, stream=True):
            assert chunk.usage is None
            texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == [choice.text for choice in whole.choices]
    assert texts[0] != texts[1]


async def test_embeddings_are_unit_vectors_that_depend_on_the_text(start):
    client = await start(embedding_dimensions=12)
    async with openai(client) as official:
        answer = await official.embeddings.create(
            model="simulated", input=["a", "b", "a"], encoding_format="float"
        )
    first, second, third = (each.embedding for each in answer.data)
    assert first == third != second
    assert len(first) == 12
    assert sum(value * value for value in first) == pytest.approx(1.0)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (3, 3)
    assert await client.metric("vllm:generation_tokens_total") == 0


async def test_responses_are_read_by_the_official_client(start):
    async with openai(await start()) as official:
        asked = {"model": "simulated", "input": "How heavy?"}
        whole = await official.responses.create(**asked)
        assert (whole.status, whole.object) == ("completed", "response")
        async with official.responses.stream(**asked) as stream:
            kinds = [event.type async for event in stream]
            streamed = await stream.get_final_response()
    assert streamed.output_text == whole.output_text
    assert streamed.usage == whole.usage
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"


async def test_a_response_that_is_cut_short_is_incomplete(start):
    client = await start()
    asked = {"max_output_tokens": 3, "ignore_eos": True}
    whole = await client.ask("/v1/responses", **asked)
    assert whole["incomplete_details"] == {"reason": "max_output_tokens"}
    data = named_events(await client.lines("/v1/responses", **asked))
    assert [each["sequence_number"] for each in data] == list(range(len(data)))
    assert data[-1]["type"] == "response.incomplete"
    assert data[-1]["response"]["output"][0]["content"] == whole["output"][0]["content"]


async def test_messages_have_the_shape_of_anthropic(start):
    client = await start(served_model_names=("gemma",))
    whole = await client.ask("/v1/messages", max_tokens=4, ignore_eos=True)
    assert (whole["type"], whole["role"], whole["model"]) == ("message", "assistant", "gemma")
    assert whole["stop_reason"] == "max_tokens"
    data = named_events(await client.lines("/v1/messages", max_tokens=4, ignore_eos=True))
    assert [each["type"] for each in data] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 4,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    text = "".join(each["delta"]["text"] for each in data[2:6])
    assert whole["content"] == [{"type": "text", "text": text}]
    assert data[-2]["usage"] == whole["usage"]
    assert data[-2]["delta"]["stop_reason"] == "max_tokens"


async def test_models_are_listed_by_all_their_names(start):
    async with openai(await start(served_model_names=("gemma", "auto"))) as official:
        models = [model async for model in await official.models.list()]
    assert [model.id for model in models] == ["gemma", "auto"]

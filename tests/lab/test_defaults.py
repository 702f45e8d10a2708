"""The charts as they come: what a client of OpenAI's own library reads of them."""

import pytest
from envoy_rig.requests import EASY, HARD, chat, decision
from lab.asking import ask
from openai import OpenAI

POOLS = [(EASY, "small", "gemma-2-9b-it"), (HARD, "large", "llama-3.3-70b-instruct")]
by_difficulty = pytest.mark.parametrize(("text", "tier", "model"), POOLS, ids=["easy", "hard"])


@pytest.fixture
def openai(lab):
    with OpenAI(base_url=f"{lab.gateway}/v1", api_key="unused", max_retries=0) as client:
        yield client


@by_difficulty
def test_model_of_its_difficulty_answers_a_prompt(client, text, tier, model):
    response = ask(client, text)
    assert response.json()["model"] == model
    assert decision(response) == (tier, "score")


@by_difficulty
def test_openai_s_library_reads_an_answer_and_its_tier(openai, text, tier, model):
    raw = openai.chat.completions.with_raw_response.create(**chat(text, max_tokens=4))
    assert raw.parse().model == model
    assert raw.headers["x-weighbridge-tier"] == tier


@by_difficulty
def test_openai_s_library_reads_a_stream_to_its_end(openai, text, tier, model):
    del tier
    chunks = list(openai.chat.completions.create(**chat(text, max_tokens=4, stream=True)))
    assert {chunk.model for chunk in chunks} == {model}
    assert chunks[-1].choices[0].finish_reason


def test_openai_s_library_lists_the_models_of_all_pools(openai):
    assert {model.id for model in openai.models.list()} >= {model for _, _, model in POOLS}

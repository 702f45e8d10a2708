"""Real vLLM behind real Envoy and the router: chat, streaming and metrics."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from up.conftest import Run
from up.test_up import EASY, HARD, MODELS, chat

pytestmark = pytest.mark.vllm

# Installing takes minutes where the cache is cold, starting half a minute.
INSTALL_AND_START_S = 800


@pytest.fixture(scope="module")
def vllm(start: Callable[..., Run]) -> Iterator[Run]:
    run = start("--pools", "vllm", seconds=INSTALL_AND_START_S)
    yield run
    assert run.stop() == 0


@pytest.mark.parametrize(("prompt", "tier"), [(EASY, "small"), (HARD, "large")])
def test_real_vllm_answers_from_the_pool_the_prompt_calls_for(
    vllm: Run, prompt: str, tier: str
) -> None:
    with vllm.client() as client:
        answer = client.chat.completions.with_raw_response.create(**chat(prompt))
    parsed = answer.parse()
    assert answer.headers["x-weighbridge-tier"] == tier
    assert parsed.model == MODELS[tier]
    assert parsed.usage is not None
    assert parsed.usage.completion_tokens > 0


@pytest.mark.parametrize(("prompt", "tier"), [(EASY, "small"), (HARD, "large")])
def test_real_vllm_streams_through(vllm: Run, prompt: str, tier: str) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    with vllm.client() as client:
        chunks = list(client.chat.completions.create(**chat(prompt), **options))
    assert {chunk.model for chunk in chunks} == {MODELS[tier]}
    assert len(chunks) > 2
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_real_vllm_lists_its_models(vllm: Run) -> None:
    with vllm.client() as client:
        assert MODELS["small"] in {model.id for model in client.models.list()}


@pytest.mark.parametrize("tier", ["small", "large"])
def test_real_vllm_counts_what_reached_it(vllm: Run, tier: str) -> None:
    def answered() -> float:
        text = httpx.get(f"{vllm.said['pools'][tier]}/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("vllm:request_success")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    before = answered()
    with vllm.client() as client:
        client.chat.completions.create(**chat(EASY, model=f"weighbridge/{tier}"))
    assert answered() == before + 1


def test_real_vllm_refuses_what_the_router_could_not_read(vllm: Run) -> None:
    answer = httpx.post(f"{vllm.endpoint}/chat/completions", content=b"{", timeout=30)
    assert answer.headers["x-weighbridge-reason"] == "unparsed"
    assert answer.status_code in {400, 422}

"""Real vLLM behind real Envoy and the router: chat, streaming and metrics."""

import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from envoy_rig.expositions import total
from up.conftest import Run, eventually
from up.test_up import EASY, HARD, MODELS, chat

pytestmark = pytest.mark.vllm

# Installing takes minutes where the cache is cold, starting half a minute.
INSTALL_AND_START_S = 800
FLUSH_S = 1.5
"""Envoy's receipts wait a second for others."""


@pytest.fixture(scope="module")
def vllm(start: Callable[..., Run]) -> Iterator[Run]:
    run = start("--pools", "vllm", "--meter", seconds=INSTALL_AND_START_S)
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


@pytest.mark.parametrize("tier", ["small", "large"])
def test_the_meter_counts_the_tokens_that_real_vllm_counts(vllm: Run, tier: str) -> None:
    def by_the_pool() -> list[float]:
        text = httpx.get(f"{vllm.said['pools'][tier]}/metrics").text
        return [total(text, f"vllm:{kind}_tokens_total") for kind in ("prompt", "generation")]

    def by_the_meter() -> list[float]:
        text = httpx.get(vllm.said["tokens"]).text
        kinds = ("prompt", "completion")
        return [total(text, "weighbridge_tokens_total", tier=tier, kind=kind) for kind in kinds]

    def heard() -> float:
        return total(httpx.get(vllm.said["tokens"]).text, "weighbridge_metered_requests_total")

    def is_quiet() -> bool:
        before = heard()
        time.sleep(FLUSH_S)
        return heard() == before

    # Receipts of the tests before have arrived.
    eventually(is_quiet)
    pool, meter, requests = by_the_pool(), by_the_meter(), heard()
    with vllm.client() as client:
        model = f"weighbridge/{tier}"
        client.chat.completions.create(**chat(HARD, model=model))
        usage = {"stream": True, "stream_options": {"include_usage": True}}
        list(client.chat.completions.create(**chat(EASY, model=model), **usage))
    eventually(lambda: heard() == requests + 2)

    gained = [now - before for now, before in zip(by_the_pool(), pool, strict=True)]
    assert [now - before for now, before in zip(by_the_meter(), meter, strict=True)] == gained
    assert min(gained) > 0


def test_real_vllm_refuses_what_the_router_could_not_read(vllm: Run) -> None:
    answer = httpx.post(f"{vllm.endpoint}/chat/completions", content=b"{", timeout=30)
    assert answer.headers["x-weighbridge-reason"] == "unparsed"
    assert answer.status_code in {400, 422}

"""What the simulator exposes is what a real vLLM exposed: names, types, labels and buckets."""

import json
from pathlib import Path

import aiohttp
import pytest
from contract.record_vllm_metrics import describe
from weighbridge_simulator.server import Simulator
from weighbridge_simulator.settings import Settings

REAL = json.loads(Path(__file__).with_name("vllm_metrics.json").read_text())["metrics"]
# Its labels are vLLM's whole cache configuration; gates and dashboards read none of them.
OTHER_LABELS = {"vllm:cache_config_info"}
GATED = {
    "vllm:time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds",
    "vllm:e2e_request_latency_seconds",
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:num_preemptions_total",
    "vllm:prompt_tokens_total",
    "vllm:generation_tokens_total",
    "vllm:request_success_total",
}


@pytest.fixture
async def simulated() -> dict[str, dict[str, object]]:
    # Buckets of token counts end at the context window: the one that was recorded.
    settings = Settings(port=0, speed=0.0, served_model_names=("m",), max_model_len=8192)
    async with Simulator(settings) as simulator, aiohttp.ClientSession() as session:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        url = f"http://{simulator.address}"
        async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
            await answer.read()
        async with session.get(f"{url}/metrics") as scrape:
            return describe(await scrape.text())


def test_the_simulator_invents_no_metric(simulated):
    assert {name for name in simulated if name.startswith("vllm:")} <= set(REAL)


def test_what_gates_read_is_there(simulated):
    assert set(simulated) >= GATED
    assert set(REAL) >= GATED


def test_types_labels_and_buckets_are_those_of_vllm(simulated):
    ours = {
        name: simulated[name] for name in simulated if name in REAL and name not in OTHER_LABELS
    }
    assert ours == {name: REAL[name] for name in ours}

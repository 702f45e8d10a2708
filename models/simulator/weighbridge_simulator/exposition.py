"""The /metrics page: counts of `Metrics` and `HttpMetrics` in, Prometheus text out.

A custom collector in a registry of its own, so that several simulators can live in one process.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from weighbridge_simulator.metrics import Histogram, Metrics
from weighbridge_simulator.settings import Settings

ENGINE_LABELS = ("model_name", "engine")
HTTP_DURATION_BUCKETS = (0.1, 0.5, 1.0)
"""The default of prometheus-fastapi-instrumentator, which vLLM uses."""

# Every label of vllm:cache_config_info; those that mean nothing here keep vLLM's default.
_CACHE_CONFIG = {
    "block_size": "",
    "cache_dtype": "auto",
    "enable_prefix_caching": "",
    "gpu_memory_utilization": "0.92",
    "is_attention_free": "False",
    "kv_cache_dtype_skip_layers": "[]",
    "kv_cache_max_concurrency": "",
    "kv_cache_memory_bytes": "None",
    "kv_cache_size_tokens": "",
    "kv_offloading_backend": "native",
    "kv_offloading_size": "None",
    "kv_sharing_fast_prefill": "False",
    "mamba_block_size": "None",
    "mamba_cache_dtype": "auto",
    "mamba_cache_mode": "none",
    "mamba_page_size_padded": "None",
    "mamba_ssm_cache_dtype": "auto",
    "num_cpu_blocks": "None",
    "num_gpu_blocks": "",
    "num_gpu_blocks_override": "None",
    "prefix_caching_hash_algo": "sha256",
    "sliding_window": "None",
    "user_specified_block_size": "True",
}


class Load(Protocol):
    """What the gauges show, at the moment of the scrape."""

    @property
    def running(self) -> int:
        """Sequences that run."""
        ...

    @property
    def waiting(self) -> int:
        """Sequences that wait for a place or for blocks."""
        ...

    @property
    def kv_usage(self) -> float:
        """Fraction of the KV cache in use, 0 to 1."""
        ...


class HttpMetrics:
    """Requests by path pattern, method and status class, with their durations."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.durations: dict[tuple[str, str], Histogram] = {}

    def observe(self, handler: str, method: str, status: int, seconds: float) -> None:
        """Count one request that was answered, `seconds` from its head to the answer's end."""
        self.requests[handler, method, f"{status // 100}xx"] += 1
        durations = self.durations.get((handler, method))
        if durations is None:
            durations = Histogram("", "", HTTP_DURATION_BUCKETS)
            self.durations[handler, method] = durations
        durations.observe(seconds)


class Exposition(Collector):
    """Renders the metrics of one simulator.

    Args:
        settings: for the labels and vllm:cache_config_info.
        metrics: what the engine counted.
        http: what the server counted.
        load: the engine, for the gauges.
    """

    def __init__(self, settings: Settings, metrics: Metrics, http: HttpMetrics, load: Load) -> None:
        self._settings = settings
        self._metrics = metrics
        self._http = http
        self._load = load
        self._labels = [settings.primary_model, "0"]
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def render(self) -> bytes:
        """The page, in the text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All families; called by the registry."""
        yield from self._gauges()
        yield from self._counters()
        for histogram in self._metrics.histograms():
            family = HistogramMetricFamily(
                histogram.name, histogram.documentation, labels=ENGINE_LABELS
            )
            _fill(family, self._labels, histogram)
            yield family
        yield from self._http_families()

    def _gauges(self) -> Iterator[Metric]:
        load = self._load
        for name, documentation, value in (
            ("vllm:num_requests_running", "Requests that run.", load.running),
            ("vllm:num_requests_waiting", "Requests that wait.", load.waiting),
            ("vllm:kv_cache_usage_perc", "KV cache in use; 1 is all of it.", load.kv_usage),
        ):
            gauge = GaugeMetricFamily(name, documentation, labels=ENGINE_LABELS)
            gauge.add_metric(self._labels, value)
            yield gauge
        reasons = GaugeMetricFamily(
            "vllm:num_requests_waiting_by_reason",
            "Requests that wait, by what for.",
            labels=[*ENGINE_LABELS, "reason"],
        )
        reasons.add_metric([*self._labels, "capacity"], load.waiting)
        reasons.add_metric([*self._labels, "deferred"], 0)
        yield reasons
        yield self._cache_config()

    def _cache_config(self) -> Metric:
        settings = self._settings
        tokens = settings.kv_blocks * settings.block_size
        values = _CACHE_CONFIG | {
            "block_size": str(settings.block_size),
            "enable_prefix_caching": str(settings.prefix_caching),
            "kv_cache_max_concurrency": str(tokens / settings.max_model_len),
            "kv_cache_size_tokens": str(tokens),
            "num_gpu_blocks": str(settings.kv_blocks),
            "engine": "0",
        }
        info = GaugeMetricFamily(
            "vllm:cache_config_info", "The KV cache's configuration.", labels=list(values)
        )
        info.add_metric(list(values.values()), 1)
        return info

    def _counters(self) -> Iterator[Metric]:
        metrics = self._metrics
        for name, documentation, value in metrics.counters():
            counter = CounterMetricFamily(name, documentation, labels=ENGINE_LABELS)
            counter.add_metric(self._labels, value)
            yield counter
        finished = CounterMetricFamily(
            "vllm:request_success",
            "Requests that ended, by why.",
            labels=[*ENGINE_LABELS, "finished_reason"],
        )
        for reason, count in metrics.finished.items():
            finished.add_metric([*self._labels, reason], count)
        yield finished
        sources = CounterMetricFamily(
            "vllm:prompt_tokens_by_source",
            "Prompt tokens by where they came from.",
            labels=[*ENGINE_LABELS, "source"],
        )
        cached = metrics.prompt_tokens_cached
        sources.add_metric([*self._labels, "local_compute"], metrics.prompt_tokens - cached)
        sources.add_metric([*self._labels, "local_cache_hit"], cached)
        sources.add_metric([*self._labels, "external_kv_transfer"], 0)
        yield sources

    def _http_families(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "http_requests", "HTTP requests.", labels=["handler", "method", "status"]
        )
        for labels, count in self._http.requests.items():
            requests.add_metric(labels, count)
        yield requests
        durations = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Time from a request's head to its answer's end in seconds.",
            labels=["handler", "method"],
        )
        for route, histogram in self._http.durations.items():
            _fill(durations, route, histogram)
        yield durations


def _fill(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    bounds = (*histogram.bounds, float("inf"))
    rising = accumulate(histogram.counts)
    buckets = [
        (str(floatToGoString(bound)), count)  # type: ignore[no-untyped-call]
        for bound, count in zip(bounds, rising, strict=True)
    ]
    family.add_metric(labels, buckets, histogram.total)

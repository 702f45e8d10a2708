"""The dashboard Pools: how soon tokens come, what waits, how full servers and GPUs are."""

from typing import Final

from weighbridge.observing.panels import Dashboard, Panel, Query, Row, Unit, quantiles

_GPU: Final = "{{Hostname}} {{gpu}}"

_LATENCY: Final = Row(
    "Latency",
    (
        Panel(
            "First token",
            "From a request's arrival at vLLM to its first token. Buckets have edges at 0.25 and "
            "0.5 s: what lies between is drawn, not measured.",
            Unit.SECONDS,
            quantiles("pool:ttft_seconds", "{{pool}}", "p50", "p95", "p99"),
        ),
        Panel(
            "Between tokens",
            "Time from one token to the next. It grows with the batch.",
            Unit.SECONDS,
            quantiles("pool:itl_seconds", "{{pool}}", "p50", "p95", "p99"),
        ),
        Panel(
            "End to end",
            "From arrival to the last token; it says how long answers are, too.",
            Unit.SECONDS,
            quantiles("pool:e2e_seconds", "{{pool}}", "p50", "p90", "p99"),
        ),
    ),
)

_LOAD: Final = Row(
    "Load",
    (
        Panel(
            "Waiting",
            "Requests that wait for a place: of the whole pool now, and of its fullest server on "
            "average of five minutes.",
            Unit.COUNT,
            (
                Query("pool:queue_length:sum", "{{pool}}"),
                Query("pool:queue_length:max", "{{pool}} fullest"),
            ),
        ),
        Panel(
            "Time in the queue, p95",
            "How long requests wait before vLLM begins with them.",
            Unit.SECONDS,
            (Query("pool:queue_seconds:p95", "{{pool}}"),),
        ),
        Panel(
            "KV cache",
            "Share in use on the pool's fullest server, on average of five minutes. Full: "
            "requests wait, or are preempted and computed anew.",
            Unit.SHARE,
            (Query("pool:kv_cache_usage:max", "{{pool}} fullest"),),
        ),
        Panel(
            "Preemptions",
            "Requests thrown out of the batch for want of cache.",
            Unit.PER_SECOND,
            (Query("pool:preemptions:rate", "{{pool}}"),),
        ),
        Panel(
            "Requests running",
            "Requests in the batches of the pool's servers.",
            Unit.COUNT,
            (Query("pool:requests_running:sum", "{{pool}}"),),
        ),
        Panel(
            "Tokens",
            "Tokens read and made.",
            Unit.TOKENS,
            (
                Query("pool:prompt_tokens:rate", "{{pool}} prompts"),
                Query("pool:generation_tokens:rate", "{{pool}} answers"),
            ),
        ),
        Panel(
            "Requests",
            "Sent by the gateway, and finished by vLLM. A gap is requests that failed, or run.",
            Unit.REQUESTS,
            (
                Query("pool:gateway_requests:rate", "{{pool}} sent"),
                Query("pool:requests:rate", "{{pool}} finished"),
            ),
        ),
        Panel(
            "Errors",
            "Requests to the pool that were answered with 5xx, by it or by Envoy in its place.",
            Unit.REQUESTS,
            (Query("pool:gateway_errors:rate", "{{pool}}"),),
        ),
        Panel(
            "Servers",
            "Servers of the pool that Prometheus reads.",
            Unit.COUNT,
            (Query("pool:pods:count", "{{pool}}"),),
        ),
        Panel(
            "Restarts in an hour",
            "Containers that were started anew, by kube-state-metrics.",
            Unit.COUNT,
            (Query("container:restarts:count", "{{pod}} {{container}}"),),
        ),
    ),
)

_GPUS: Final = Row(
    "GPUs, by dcgm-exporter",
    (
        Panel(
            "Busy",
            "Share of time in which the GPU did anything. A busy GPU may still have room.",
            Unit.SHARE,
            (Query("gpu:utilization:avg", _GPU),),
        ),
        Panel(
            "Memory",
            "Share in use. vLLM takes its share at the start and keeps it: watch the KV cache "
            "instead.",
            Unit.SHARE,
            (Query("gpu:memory_used:ratio", _GPU),),
        ),
        Panel(
            "Power",
            "Power drawn, on average of five minutes.",
            Unit.WATTS,
            (Query("gpu:power_watts:avg", _GPU),),
        ),
        Panel(
            "Temperature",
            "Highest of five minutes.",
            Unit.CELSIUS,
            (Query("gpu:temperature_celsius:max", _GPU),),
        ),
        Panel(
            "Throttled for heat",
            "Share of time with clocks held down. The exporter must be told to show "
            "DCGM_FI_DEV_THERMAL_VIOLATION.",
            Unit.SHARE,
            (Query("gpu:thermal_throttling:ratio", _GPU),),
        ),
        Panel(
            "Last XID",
            "Number of the last error that the driver reported since the exporter was started; "
            "0: none.",
            Unit.NUMBER,
            (Query("gpu:xid:max", _GPU),),
        ),
    ),
)

POOLS: Final = Dashboard(
    "pools",
    "Weighbridge / Pools",
    "How soon do tokens come, what waits, and how full are servers and GPUs?",
    (_LATENCY, _LOAD, _GPUS),
)

"""The dashboard Canary: the new version beside the old one, by what the gates read."""

from typing import Final

from weighbridge.observing.panels import Dashboard, Panel, Query, Row, Unit

_VERSION: Final = "{{pool}} {{revision}}"
_SUBSET: Final = "{{pool}} {{subset}}"

_PROGRESS: Final = Row(
    "Progress",
    (
        Panel(
            "Phase",
            "1 for the phase that each Rollout is in, by Argo Rollouts' controller.",
            Unit.COUNT,
            (Query("rollout_phase:rollouts:count", "{{name}} {{phase}}"),),
        ),
        Panel(
            "Weight, as sent",
            "Share of a pool's requests that the gateway sent to stable and to the canary: what "
            "came of the weight, not what was asked for.",
            Unit.SHARE,
            (
                Query(
                    "pool_subset:gateway_requests:rate / ignoring (subset) group_left () "
                    "sum without (subset) (pool_subset:gateway_requests:rate)",
                    _SUBSET,
                ),
            ),
        ),
        Panel(
            "Requests",
            "Requests that each version has finished. A version is a hash of its pods' template.",
            Unit.REQUESTS,
            (Query("pool_revision:requests:rate", _VERSION),),
        ),
        Panel(
            "Evidence",
            "First tokens within two minutes: how much the gates on latency have to go by.",
            Unit.COUNT,
            (Query("pool_revision:ttft_seconds:count", _VERSION),),
        ),
    ),
)

_GATES: Final = Row(
    "Gates",
    (
        Panel(
            "ttft: first token, p95",
            "The percentile, and the least that it may be with so few requests. Good by the "
            "first, bad by the second; limits are values of the canaries' chart.",
            Unit.SECONDS,
            (
                Query("pool_revision:ttft_seconds:p95", f"{_VERSION} p95"),
                Query("pool_revision:ttft_seconds:p95_least", f"{_VERSION} at least"),
            ),
        ),
        Panel(
            "ttft: first token, p99",
            "As beside it, of the slowest hundredth.",
            Unit.SECONDS,
            (
                Query("pool_revision:ttft_seconds:p99", f"{_VERSION} p99"),
                Query("pool_revision:ttft_seconds:p99_least", f"{_VERSION} at least"),
            ),
        ),
        Panel(
            "itl: between tokens, p95",
            "The percentile, and the least that it may be.",
            Unit.SECONDS,
            (
                Query("pool_revision:itl_seconds:p95", f"{_VERSION} p95"),
                Query("pool_revision:itl_seconds:p95_least", f"{_VERSION} at least"),
            ),
        ),
        Panel(
            "errors: share of 5xx",
            "At the gateway, where also those are seen that reached no pod.",
            Unit.SHARE,
            (Query("pool_subset:gateway_errors:ratio", _SUBSET),),
        ),
        Panel(
            "errors: how many",
            "5xx within two minutes: the gate wants five before it calls anything bad.",
            Unit.COUNT,
            (Query("pool_subset:gateway_errors:count", _SUBSET),),
        ),
        Panel(
            "saturation: waiting",
            "Requests that wait on a version's fullest server.",
            Unit.COUNT,
            (Query("pool_revision:queue_length:max", _VERSION),),
        ),
        Panel(
            "saturation: KV cache",
            "Share in use on a version's fullest server.",
            Unit.SHARE,
            (Query("pool_revision:kv_cache_usage:max", _VERSION),),
        ),
        Panel(
            "throughput: tokens of a GPU",
            "Tokens made by each GPU. The canary is judged against stable.",
            Unit.TOKENS,
            (Query("pool_revision:generation_tokens_per_gpu:rate", _VERSION),),
        ),
        Panel(
            "Load of a GPU",
            "Requests running for each GPU: versions are comparable where this is alike.",
            Unit.COUNT,
            (Query("pool_revision:requests_running_per_gpu:avg", _VERSION),),
        ),
    ),
)

CANARY: Final = Dashboard(
    "canary",
    "Weighbridge / Canary",
    "Is the new version as good as the old one, and how far has it got?",
    (_PROGRESS, _GATES),
)

"""The dashboard Overview: is it well, how fast is it, what does it cost?"""

from typing import Final

from weighbridge.observing.panels import Dashboard, Form, Panel, Query, Row, Unit, quantiles

FIRING: Final = Panel(
    "Alerts firing",
    "Alerts of Weighbridge at this moment. The runbook has a page for each.",
    Unit.COUNT,
    (Query('sum(ALERTS{alertname=~"Weighbridge.*",alertstate="firing"}) or vector(0)', "firing"),),
    Form.NUMBERS,
)

_TRAFFIC: Final = Row(
    "Traffic",
    (
        Panel(
            "Requests",
            "Requests that the gateway sent to the tiers' pools, and all of them.",
            Unit.REQUESTS,
            (
                Query("tier:gateway_requests:rate", "{{tier}}"),
                Query("gateway:requests:rate", "all"),
            ),
        ),
        Panel(
            "Errors",
            "Share of requests answered with 5xx, by the pool or by Envoy in its place.",
            Unit.SHARE,
            (
                Query("tier:gateway_errors:ratio", "{{tier}}"),
                Query("gateway:errors:ratio", "all"),
            ),
        ),
        Panel(
            "Share of each tier",
            "Of requests as sent, overrides of the mesh and requests that failed open among them; "
            "weighed: of what the routers weighed, as they decided.",
            Unit.SHARE,
            (
                Query(
                    "tier:gateway_requests:rate "
                    "/ ignoring (tier) group_left () sum(tier:gateway_requests:rate)",
                    "{{tier}} sent",
                ),
                Query("tier:weighed_decisions:ratio", "{{tier}} weighed"),
            ),
        ),
        Panel(
            "Failed open",
            "Share of requests that went on without the router's answer: clients are served, by "
            "the fallback pool.",
            Unit.SHARE,
            (Query("gateway:fail_open:ratio", "failed open"),),
        ),
        FIRING,
    ),
)

_LATENCY: Final = Row(
    "Latency",
    (
        Panel(
            "End to end",
            "From a request's arrival at vLLM to its last token. It says how long answers are, "
            "too.",
            Unit.SECONDS,
            quantiles("pool:e2e_seconds", "{{pool}}", "p50", "p90", "p99"),
        ),
        Panel(
            "First token",
            "From a request's arrival at vLLM to its first token: what a user of a stream waits "
            "for.",
            Unit.SECONDS,
            quantiles("pool:ttft_seconds", "{{pool}}", "p50", "p95", "p99"),
        ),
        Panel(
            "Decision of the router",
            "From the last byte of a request read to the answer made. The hop is not in it.",
            Unit.SECONDS,
            quantiles("router:decision_seconds", "", "p50", "p90", "p99"),
        ),
    ),
)

_DOLLARS: Final = Row(
    "Tokens and dollars",
    (
        Panel(
            "Tokens",
            "Tokens that vLLM has read and made, by its own counters.",
            Unit.TOKENS,
            (
                Query("sum by (tier) (pool:prompt_tokens:rate)", "{{tier}} prompts"),
                Query("sum by (tier) (pool:generation_tokens:rate)", "{{tier}} answers"),
            ),
        ),
        Panel(
            "Cost of 1M tokens",
            "Dollars by catalog prices for a million tokens, prompts and answers as they came, "
            "of requests whose pool reported its usage. Tokens without a price would make `all` "
            "too low.",
            Unit.DOLLARS,
            (
                Query("tier:dollars_per_million_tokens:ratio", "{{tier}}"),
                Query("meter:dollars_per_million_tokens:ratio", "all"),
            ),
        ),
        Panel(
            "Dollars an hour",
            "What is spent, what the same tokens would cost on the reference tier (the large "
            "one), and the difference: what routing saves. Estimated tokens are in all three.",
            Unit.DOLLARS,
            (
                Query("3600 * meter:dollars:rate", "spent"),
                Query("3600 * meter:reference_dollars:rate", "all on the reference tier"),
                Query("3600 * meter:saved_dollars:rate", "saved"),
            ),
        ),
        Panel(
            "Dollars an hour by team",
            "The ten that spend most. `none`: requests that name no team.",
            Unit.DOLLARS,
            (Query("topk(10, 3600 * team:dollars:rate)", "{{team}}"),),
        ),
        Panel(
            "Requests without usage",
            "Answers whose pool told no usage, by reason. Their tokens are estimated, those of "
            "`refused` are none.",
            Unit.REQUESTS,
            (Query("meter_reason:unmetered_requests:rate", "{{reason}}"),),
        ),
    ),
)

OVERVIEW: Final = Dashboard(
    "overview",
    "Weighbridge / Overview",
    "Is it well, how fast is it, and what does it cost?",
    (_TRAFFIC, _LATENCY, _DOLLARS),
)

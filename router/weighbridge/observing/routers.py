"""The dashboard Router: what is decided and why, how long it takes, whether scores have moved."""

from typing import Final

from weighbridge.observing.panels import Dashboard, Form, Panel, Query, Row, Unit, quantiles

_DECISIONS: Final = Row(
    "Decisions",
    (
        Panel(
            "Decisions by reason",
            "Why requests went to their tier. The architecture page says what each reason means.",
            Unit.REQUESTS,
            (
                Query(
                    "sum by (tier, reason) (tier_reason:decisions:rate)",
                    "{{tier}} {{reason}}",
                ),
            ),
        ),
        Panel(
            "Share of each tier",
            "Of what was weighed. Compare it with what the threshold promises.",
            Unit.SHARE,
            (Query("tier:weighed_decisions:ratio", "{{tier}}"),),
        ),
        Panel(
            "Failed decisions",
            "Share of decisions that fell to the fallback tier, because a body could not be "
            "read, was too large, or something broke.",
            Unit.SHARE,
            (Query("router:failed_decisions:ratio", "failed"),),
        ),
        Panel(
            "Failures by kind",
            "Classes of failures. Nothing here: none has happened since the routers were started.",
            Unit.PER_SECOND,
            (Query("failure_kind:failures:rate", "{{kind}}"),),
        ),
    ),
)

_TIME: Final = Row(
    "Time",
    (
        Panel(
            "Decision",
            "From the last byte of a request read to the answer made. 99 % are promised within 5 "
            "ms.",
            Unit.SECONDS,
            quantiles("router:decision_seconds", "", "p50", "p90", "p99"),
        ),
        Panel(
            "Stages, p99",
            "Reading the body, the first stage, and the wait for the second one (refine). No "
            "number: it was not asked.",
            Unit.SECONDS,
            (Query("router_stage:stage_seconds:p99", "{{stage}}"),),
        ),
        Panel(
            "Deadlines missed",
            "Of the prompts that the second stage was asked about, those for which it had no "
            "time or no room: the first stage's word stood. No number: it is off.",
            Unit.SHARE,
            (Query("router:deadlines:ratio", "missed"),),
        ),
        Panel(
            "Streams",
            "ext_proc streams open at this moment. One that grows and does not fall is a router "
            "that hangs.",
            Unit.COUNT,
            (Query("router:streams_in_flight:sum", "open"),),
        ),
        Panel(
            "As the gateway sees it",
            "Messages that the router did not answer in time, and streams that broke: both fail "
            "open.",
            Unit.PER_SECOND,
            (
                Query("gateway:router_timeouts:rate", "timeouts"),
                Query("gateway:router_streams_failed:rate", "broken streams"),
            ),
        ),
    ),
)

_SCORES: Final = Row(
    "Scores and settings",
    (
        Panel(
            "Drift",
            "Population stability index of the last scores against the calibration traffic, of "
            "the router in the middle. Above 0.25 the threshold no longer sends the share it "
            "promises. A router shows it after 500 scores.",
            Unit.NUMBER,
            (Query("router:score_drift_psi:p50", "drift"),),
        ),
        Panel(
            "Scores at or below",
            "Share of scores up to each tenth. On the traffic of the calibration the lines lie "
            "evenly; lines that sink say that prompts have become harder.",
            Unit.SHARE,
            (
                Query(
                    'router:score_bucket:rate{le!="+Inf"} / ignoring (le) group_left () '
                    'router:score_bucket:rate{le="+Inf"}',
                    "{{le}}",
                ),
            ),
        ),
        Panel(
            "Routers ready",
            "Routers that say they are.",
            Unit.COUNT,
            (Query("router:ready:sum", "ready"),),
            Form.NUMBERS,
        ),
        Panel(
            "Routers by settings",
            "How many routers serve which settings, by digest. Two lines that stay: some have not "
            "taken a change.",
            Unit.COUNT,
            (Query("count by (settings) (weighbridge_generation_info)", "{{settings}}"),),
        ),
        Panel(
            "Reloads in 15 minutes",
            "Changes of settings or artifact. What was refused has a fault; what served before it "
            "serves on.",
            Unit.COUNT,
            (
                Query(
                    "sum by (result) (increase(weighbridge_reloads_total[15m]))",
                    "{{result}}",
                ),
            ),
        ),
    ),
)

ROUTER: Final = Dashboard(
    "router",
    "Weighbridge / Router",
    "What is decided and why, how long does it take, and have scores moved?",
    (_DECISIONS, _TIME, _SCORES),
)

"""The dashboard SLO: how fast what is promised is used up, and what is left of it."""

from typing import Final

from weighbridge.observing.overview import FIRING
from weighbridge.observing.panels import Dashboard, Form, Panel, Query, Row, Unit

_MEANS: Final = "1x uses up exactly the month's allowance in a month. No line: no events."


def _burn(window: str, words: str, means: str) -> Panel:
    expr = f"slo:bad_events:ratio_rate{window} / on (slo) (1 - slo:objective:ratio)"
    return Panel(f"Burn over {words}", f"{means} {_MEANS}", Unit.BURN, (Query(expr, "{{slo}}"),))


_BUDGET: Final = Row(
    "Budget",
    (
        Panel(
            "Left of the month's budget",
            "Of what a promise allows to fail within 30 days. Below nothing it is broken. "
            "Reckoned every five minutes, by what Prometheus still has.",
            Unit.SHARE,
            (Query("slo:error_budget_left:ratio_rate30d", "{{slo}}"),),
            Form.NUMBERS,
        ),
        Panel(
            "Promised",
            "availability: requests not answered with 5xx. ttft: first tokens of the small tier "
            "in time. overhead: decisions of the router in time.",
            Unit.SHARE,
            (Query("slo:objective:ratio", "{{slo}}"),),
            Form.NUMBERS,
        ),
        Panel(
            "Kept over 30 days",
            "Share of events that were good.",
            Unit.SHARE,
            (Query("1 - slo:bad_events:ratio_rate30d", "{{slo}}"),),
            Form.NUMBERS,
        ),
        FIRING,
    ),
)

_BURN: Final = Row(
    "Burn",
    (
        _burn("5m", "5 minutes", "What goes on now."),
        _burn("1h", "an hour", "Above 14.4x somebody is called."),
        _burn("6h", "6 hours", "Above 6x somebody is called."),
        _burn("1d", "a day", "Above 3x it is a ticket."),
        _burn("3d", "3 days", "Above 1x it is a ticket."),
    ),
)

_EVENTS: Final = Row(
    "Events",
    (
        Panel(
            "Events",
            "What is judged: requests, first tokens, decisions.",
            Unit.PER_SECOND,
            (Query("slo:events:rate5m", "{{slo}}"),),
        ),
        Panel(
            "Bad events",
            "Those of them that broke the promise.",
            Unit.PER_SECOND,
            (Query("slo:bad_events:rate5m", "{{slo}}"),),
        ),
    ),
)

SLO: Final = Dashboard(
    "slo",
    "Weighbridge / SLO",
    "Are the promises kept, and for how long will they be at this rate?",
    (_BUDGET, _BURN, _EVENTS),
)

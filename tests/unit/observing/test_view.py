"""A look asks each query once, and tells what has no data from what has no events."""

import math

import pytest
from weighbridge.errors import ObservingError
from weighbridge.observing.dashboards import DASHBOARDS
from weighbridge.observing.panels import Dashboard, Panel, Query, Row, Unit, quantiles
from weighbridge.observing.prometheus import Series
from weighbridge.observing.view import described, look, require_data

TIME = Panel("Time", "How long.", Unit.SECONDS, quantiles("x:t", "{{pool}}", "p50", "p99"))
ERRORS = Panel("Errors", "How many.", Unit.SHARE, (Query("x:errors:ratio", "all"),))
PAGE = Dashboard("page", "Page", "A question?", (Row("One", (TIME,)), Row("Two", (ERRORS,))))


def table(**series):
    return lambda expr: series.get(expr.replace(":", "_"), [])


def test_series_of_a_pool_stand_together():
    a, b = {"pool": "a"}, {"pool": "b"}
    ask = table(x_t_p50=[Series(a, 1), Series(b, 2)], x_t_p99=[Series(a, 3), Series(b, 4)])

    first, second = look(PAGE, ask)

    assert [(each.name, each.value) for each in first.readings] == [
        ("a p50", 1),
        ("a p99", 3),
        ("b p50", 2),
        ("b p99", 4),
    ]
    assert second.readings == ()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_each_query_of_a_dashboard_is_asked(dashboard):
    asked = []

    def ask(expr):
        asked.append(expr)
        return []

    look(dashboard, ask)

    assert sorted(asked) == sorted(q.expr for p in dashboard.panels() for q in p.queries)


def test_a_prometheus_without_our_series_is_told_from_one_without_traffic():
    with pytest.raises(ObservingError, match=r"has none of these series: it must load"):
        require_data(look(PAGE, table(x_errors_ratio=[Series({}, 0)])), "http://there")
    require_data(look(PAGE, table(x_errors_ratio=[Series({}, math.nan)])), "http://there")


def test_scripts_get_null_where_there_were_no_events():
    ask = table(x_t_p50=[Series({"pool": "a"}, math.nan), Series({"pool": "b"}, 0.25)])

    said = described(PAGE, look(PAGE, ask))

    assert said["dashboard"] == "page"
    assert said["panels"][0] == {
        "row": "One",
        "panel": "Time",
        "unit": "seconds",
        "series": [
            {"name": "a p50", "labels": {"pool": "a"}, "value": None},
            {"name": "b p50", "labels": {"pool": "b"}, "value": 0.25},
        ],
    }
    assert said["panels"][1]["series"] == []


@pytest.mark.parametrize(
    ("legend", "labels", "name"),
    [
        ("{{tier}} sent", {"tier": "small"}, "small sent"),
        ("{{pool}} {{revision}}", {"pool": "a"}, "a"),
        ("all", {"tier": "small"}, "all"),
    ],
)
def test_a_series_is_named_by_its_legend(legend, labels, name):
    assert Query("x", legend).name(labels) == name

"""Dashboards read what there is, say what they show, and are committed as they were generated."""

import json
import re
import runpy
from itertools import combinations

import pytest
import yaml
from contract.promql import ALL, RECORDED, REPOSITORY, names
from contract.spellings import SERIES
from weighbridge.observing.dashboards import DASHBOARDS
from weighbridge.observing.panels import Form

HERE = REPOSITORY / "observability" / "dashboards"
CHART = REPOSITORY / "observability" / "chart"
GUIDE = (REPOSITORY / "docs" / "sre-guide.md").read_text(encoding="utf-8")
BUILT_IN = {"ALERTS"}
QUERIES = [
    pytest.param(query, id=f"{dashboard.name}-{panel.title}-{query.legend}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels()
    for query in panel.queries
]
PANELS = [
    pytest.param(panel, id=f"{dashboard.name}-{panel.title}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels()
]
PAGES = [pytest.param(dashboard, id=dashboard.name) for dashboard in DASHBOARDS]


def drawn(dashboard):
    return json.loads((HERE / f"{dashboard.name}.json").read_text(encoding="utf-8"))


def panels(dashboard):
    return [panel for panel in drawn(dashboard)["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_reads_what_is_recorded_or_exposed(query):
    assert names(query.expr)
    assert names(query.expr) <= RECORDED | SERIES | BUILT_IN


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_reads_no_metric_of_which_there_is_a_record(query):
    sources = set().union(*(names(rule["expr"]) for _, rule in ALL if "record" in rule))

    assert not names(query.expr) & (sources - RECORDED)


def test_a_name_that_nobody_records_would_be_found():
    assert "pool:ttft_second:p95" not in RECORDED | SERIES | BUILT_IN
    assert "weighbridge_tokens_total" in SERIES


@pytest.mark.parametrize("query", QUERIES)
def test_a_series_has_a_name(query):
    assert query.legend


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows(panel):
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.unit
    assert panel.queries


@pytest.mark.parametrize("dashboard", PAGES)
def test_titles_of_a_dashboard_differ(dashboard):
    titles = [panel.title for panel in dashboard.panels()]

    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("dashboard", PAGES)
def test_what_grafana_draws_is_what_was_meant(dashboard):
    meant = [
        (p.title, p.description, p.form, p.unit, [(q.expr, q.legend) for q in p.queries])
        for p in dashboard.panels()
    ]

    assert meant == [
        (
            panel["title"],
            panel["description"],
            Form(panel["type"]),
            panel["fieldConfig"]["defaults"]["unit"],
            [(target["expr"], target["legendFormat"]) for target in panel["targets"]],
        )
        for panel in panels(dashboard)
    ]


@pytest.mark.parametrize("dashboard", PAGES)
def test_a_dashboard_can_be_imported_anywhere(dashboard):
    page = drawn(dashboard)
    ids = [panel["id"] for panel in page["panels"]]
    sources = [
        thing["datasource"] for panel in panels(dashboard) for thing in (panel, *panel["targets"])
    ]

    # An id is a Grafana's own; the variable is filled in by the one who looks.
    assert "id" not in page
    assert len(set(ids)) == len(ids)
    assert [(one["type"], one["name"]) for one in page["templating"]["list"]] == [
        ("datasource", "datasource")
    ]
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in sources)


@pytest.mark.parametrize("dashboard", PAGES)
def test_panels_do_not_lie_on_each_other(dashboard):
    places = [panel["gridPos"] for panel in drawn(dashboard)["panels"]]

    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [(a, b) for a, b in combinations(places, 2) if _overlap(a, b)]


def _overlap(a, b):
    return all(a[at] < b[at] + b[size] and b[at] < a[at] + a[size] for at, size in ("xw", "yh"))


def test_dashboards_have_an_address_each():
    uids = [drawn(dashboard)["uid"] for dashboard in DASHBOARDS]

    assert len(set(uids)) == len(uids)
    # Grafana takes no longer ones.
    assert all(re.fullmatch(r"[a-z-]{1,40}", uid) for uid in uids)


def test_what_is_committed_was_generated():
    made = runpy.run_path(str(HERE / "generated_files.py"))["generated_files"]()

    assert {path.name for path in HERE.glob("*.json")} == set(made)
    for name, text in made.items():
        assert (HERE / name).read_text(encoding="utf-8") == text, "run: make generated"


def test_the_chart_holds_the_same_dashboards():
    made = runpy.run_path(str(CHART / "generated_files.py"))["dashboards"]()
    held = (CHART / "files" / "dashboards").glob("*")

    assert {path.name: path.read_text(encoding="utf-8") for path in held} == made
    assert set(made) == {f"{dashboard.name}.json" for dashboard in DASHBOARDS}


def test_the_guide_has_a_line_for_each_dashboard():
    section = GUIDE.partition("\n## Dashboards\n")[2].partition("\n## ")[0]
    lines = re.findall(
        r"^\| \[(\w+)\]\(\.\./observability/dashboards/(\w+)\.json\) \|", section, re.MULTILINE
    )

    assert lines == [(d.title.rpartition(" / ")[2], d.name) for d in DASHBOARDS]


def test_what_the_guide_says_of_the_sidecar_is_the_charts_default():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["dashboards"]

    assert f'`{values["label"]["name"]}: "{values["label"]["value"]}"`' in GUIDE
    assert f"`{values['folder']['annotation']}`" in GUIDE

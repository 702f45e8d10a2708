"""What holds for every chart: scenarios render their goldens, wrong values are refused by name."""

from pathlib import Path

import pytest

from charts.rendering import (
    CHARTS,
    HelmError,
    assert_golden,
    lint,
    render,
    render_scenario,
    scenarios,
)

HERE = Path(__file__).parent
SCENARIOS = [
    pytest.param(room, scenario, id=f"{room}-{scenario}")
    for room, chart in CHARTS.items()
    for scenario in scenarios(chart)
]
REFUSED = [
    pytest.param(room, path, id=f"{room}-{path.stem}")
    for room in CHARTS
    for path in sorted((HERE / room / "expected_failures").glob("*.yaml"))
]


@pytest.mark.parametrize(("room", "scenario"), SCENARIOS)
def test_a_scenario_renders_its_golden(room, scenario, update_goldens):
    golden = HERE / room / "golden" / f"{scenario}.yaml"
    assert_golden(render_scenario(CHARTS[room], scenario), golden, update=update_goldens)


@pytest.mark.parametrize("room", CHARTS)
def test_every_golden_has_its_scenario(room):
    goldens = {path.stem for path in (HERE / room / "golden").glob("*.yaml")}
    assert goldens == set(scenarios(CHARTS[room])) != set()


@pytest.mark.parametrize(("room", "scenario"), SCENARIOS)
def test_lint_finds_nothing(room, scenario):
    chart = CHARTS[room]
    assert "0 chart(s) failed" in lint(chart, scenarios(chart)[scenario])


@pytest.mark.parametrize(("room", "path"), REFUSED)
def test_wrong_values_are_refused_by_name(room, path):
    expected = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# expect: ")

    with pytest.raises(HelmError) as refusal:
        render(CHARTS[room], path)

    assert expected in str(refusal.value)


@pytest.mark.parametrize(("room", "scenario"), SCENARIOS)
def test_every_object_has_its_own_name(room, scenario):
    names = [
        (d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"])
        for d in render_scenario(CHARTS[room], scenario).documents
    ]

    assert len(names) == len(set(names))

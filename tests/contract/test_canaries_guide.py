"""docs/canaries.md says what the chart has: presets, gates, limits, arguments."""

from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
CHART = REPOSITORY / "rollouts" / "chart"
GUIDE = (REPOSITORY / "docs" / "canaries.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in GUIDE.splitlines()
    if line.startswith("|")
]


def load(name):
    return yaml.safe_load((CHART / name).read_text(encoding="utf-8"))


PRESETS, GATES, VALUES = load("files/presets.yaml"), load("files/gates.yaml"), load("values.yaml")


def row(first):
    (found,) = [cells[1:] for cells in ROWS if cells[0] == first]
    return found


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("weights", "weights"),
        ("pause at each", "pauses"),
        ("between measurements", "interval"),
        ("good ones in a row that end a step", "successes"),
    ],
)
def test_the_presets_are_those_of_the_chart(title, field):
    said = dict(zip(row(""), row(title), strict=True))

    for preset, values in PRESETS.items():
        value = values[field]
        written = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        assert said[preset] == written


@pytest.mark.parametrize("name", GATES)
def test_a_gate_stands_there_with_its_limits(name):
    template = f"weighbridge-{GATES[name]['template']}"
    _, _, default, judged = row(f"`{name}` (`{template}`)")

    for limit in GATES[name]["args"].values():
        value = VALUES["gates"][name][limit]
        percent = f"{value:.0%}".replace("%", " %")
        words = {str(value), percent, {5: "five"}.get(value, "")} - {""}
        assert any(word in f"{default} {row(f'`{name}` (`{template}`)')[1]}" for word in words)
    assert ("each weight" in judged) is GATES[name].get("steps", False)


@pytest.mark.parametrize("gate", GATES.values(), ids=lambda gate: gate["template"])
def test_its_arguments_stand_there(gate):
    (said,) = row(f"`weighbridge-{gate['template']}`")

    assert said == ", ".join(f"`{name}`" for name in gate["args"])


def test_what_is_borne_stands_there():
    analysis = VALUES["defaults"]["analysis"]

    assert f"`analysis.minRequests` ({analysis['minRequests']})" in GUIDE
    assert f"without verdict ({analysis['inconclusives'] + 1}) in a step" in GUIDE
    assert f"in a row ({analysis['errors'] + 1}, 10 s apart)" in GUIDE
    assert analysis["failures"] == 0
    assert "bad ones of one gate (the first) | abort" in GUIDE

"""The router's chart and the router agree: settings, defaults, versions. Needs no Helm."""

import runpy
import tomllib

import pytest
import yaml
from contract.tree import REPOSITORY
from jsonschema import Draft202012Validator
from weighbridge.settings import Settings, load_settings

CHART = REPOSITORY / "router" / "chart"
GOLDEN = sorted((REPOSITORY / "tests" / "charts" / "router" / "golden").glob("*.yaml"))
SCENARIOS = sorted(CHART.glob("ci/*-values.yaml"))
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))


def test_the_committed_schema_is_the_one_that_the_settings_make():
    made = runpy.run_path(str(CHART / "values_schema.py"))["values_schema"]()

    assert (CHART / "values.schema.json").read_text(encoding="utf-8") == made, "run: make generated"


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_is_valid_over_the_defaults(path):
    values = _merged(VALUES, yaml.safe_load(path.read_text(encoding="utf-8")))

    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(values)] == []


def test_the_settings_that_the_values_show_are_the_routers_defaults():
    assert Settings(**VALUES["settings"]) == Settings()
    assert list(Settings().tiers) == VALUES["tierOrder"]


def test_every_value_is_in_the_schema_and_every_property_of_it_in_the_values():
    # What the router's settings hold is for docs/settings.md to say; `global` is Helm's.
    quantities = ("resources.requests.", "resources.limits.")
    free = ("settings.", "meter.models.", *quantities, *(f"meter.{each}" for each in quantities))
    shown = {path for path in _paths(VALUES) if not path.startswith(free)}

    assert set(_properties(SCHEMA)) - {"global"} == shown


def test_every_property_of_the_schema_is_described():
    assert [path for path, entry in _properties(SCHEMA).items() if "description" not in entry] == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_the_router_takes_the_settings_that_are_rendered(path, tmp_path):
    documents = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    (text,) = (
        document["data"]["settings.yaml"]
        for document in documents
        if document["kind"] == "ConfigMap" and "settings.yaml" in document["data"]
    )
    file = tmp_path / "settings.yaml"
    file.write_text(text, encoding="utf-8")

    assert load_settings(file).tiers


def test_every_scenario_has_its_golden():
    stems = [path.stem.removesuffix("-values") for path in SCENARIOS]

    assert [path.stem for path in GOLDEN] == stems != []


def test_the_chart_is_of_the_packages_version():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    assert chart["version"] == chart["appVersion"] == project["project"]["version"]


def _merged(values, over):
    """Values as Helm lays them over each other."""
    merged = dict(values)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _paths(values, prefix=""):
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")


def _properties(schema, prefix=""):
    """Properties by path; free-form maps and the router's settings are not gone into."""
    found = {}
    for key, entry in schema.get("properties", {}).items():
        found[prefix + key] = entry
        found |= _properties(entry, f"{prefix}{key}.")
    return found

"""The files that chart and stand-alone Envoy share, and the chart's values, without Helm."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from weighbridge.contract import DECISION_HEADERS, HEADER_PREFER
from weighbridge.settings import Settings
from weighbridge_mesh import chart
from weighbridge_mesh.bootstrap import bootstrap
from weighbridge_mesh.clusters import router_cluster
from weighbridge_mesh.filter_chain import ext_proc_filter
from weighbridge_mesh.local_replies import size
from weighbridge_mesh.options import BodyMode, BootstrapOptions, Endpoint, FilterOptions
from weighbridge_mesh.proto import seconds

CHART = Path(__file__).parents[3] / "mesh" / "chart"
TEMPLATES = sorted(CHART.glob("templates/*"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES = (CHART / "values.yaml").read_text(encoding="utf-8")
SCENARIOS = sorted(CHART.glob("ci/*-values.yaml"))

VARIANTS = {
    "default": BootstrapOptions(),
    "other": BootstrapOptions(
        filter=FilterOptions(
            cluster="outbound|1||router",
            authority="router",
            message_timeout_s=1.5,
            failure_mode_allow=False,
            body_mode=BodyMode.FULL_DUPLEX_STREAMED,
            body_bytes=12_345,
        ),
        router=(Endpoint(path="/r.sock"),),
        stream_idle_timeout_s=30,
    ),
}


def filled(name, options):
    asked = options.filter
    duplex = asked.body_mode is BodyMode.FULL_DUPLEX_STREAMED
    values = {
        chart.CLUSTER: asked.cluster,
        chart.AUTHORITY: asked.host,
        chart.BODY_LIMIT: size(asked.body_bytes),
        chart.BODY_BYTES: str(asked.body_bytes),
        chart.FAIL_OPEN: json.dumps(asked.failure_mode_allow),
        chart.MESSAGE_TIMEOUT: seconds(asked.message_timeout_s),
        chart.STREAM_IDLE: seconds(options.stream_idle_timeout_s),
        chart.BODY_MODE: asked.body_mode.value,
        chart.TRAILER_MODE: "SEND" if duplex else "SKIP",
        chart.SOCKET: options.router[0].path,
    }
    text = chart.filled((CHART / "files" / f"{name}.yaml").read_text(encoding="utf-8"), values)
    assert "{{" not in text
    return yaml.safe_load(text)


def manager(options):
    (listener,) = bootstrap(options)["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


@pytest.mark.parametrize("name", chart.chart_files())
def test_committed_file_is_what_the_command_writes(name):
    written = chart.text(chart.chart_files()[name])
    assert (CHART / "files" / name).read_text(encoding="utf-8") == written, "run: make generated"


def test_no_file_is_left_over():
    assert {path.name for path in (CHART / "files").iterdir()} == set(chart.chart_files())


@pytest.mark.parametrize("variant", VARIANTS)
def test_mesh_and_stand_alone_envoy_have_the_same_filter(variant):
    options = VARIANTS[variant]
    assert filled("ext_proc", options) == ext_proc_filter(options.filter)


@pytest.mark.parametrize("variant", VARIANTS)
def test_mesh_and_stand_alone_envoy_have_the_same_connection_manager(variant):
    told = filled("connection_manager", VARIANTS[variant])
    assert told == {key: manager(VARIANTS[variant])[key] for key in told}


@pytest.mark.parametrize("variant", VARIANTS)
def test_mesh_and_stand_alone_envoy_have_the_same_virtual_host(variant):
    told = filled("virtual_host", VARIANTS[variant])
    (host,) = manager(VARIANTS[variant])["route_config"]["virtual_hosts"]
    for route in host["routes"]:
        assert told == {key: (host | route)[key] for key in told}


def test_router_beside_envoy_is_the_same_cluster():
    options = VARIANTS["other"]
    assert filled("router_sidecar", options) == router_cluster(options)


def test_router_of_a_mesh_is_checked_the_same():
    told = filled("router_service", VARIANTS["other"])
    known = router_cluster(VARIANTS["other"])
    assert told == {key: known[key] for key in told}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_spell_no_header_themselves(path):
    text = path.read_text(encoding="utf-8").lower()
    assert [name for name in (*DECISION_HEADERS, HEADER_PREFER) if name in text] == []


def test_defaults_are_those_of_a_stand_alone_envoy_and_of_the_router():
    values = yaml.safe_load(VALUES)
    options = FilterOptions()
    assert values["router"]["messageTimeout"] == seconds(options.message_timeout_s)
    assert values["router"]["failOpen"] is options.failure_mode_allow
    assert values["router"]["bodyMode"] == options.body_mode
    assert values["router"]["bodyBytes"] == Settings().limits.body_bytes
    assert values["timeouts"]["streamIdle"] == seconds(BootstrapOptions().stream_idle_timeout_s)
    assert values["fallbackTier"] == Settings().policy.fallback_tier
    assert set(values["tiers"]) == set(Settings().tiers)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios_fit_the_schema(path):
    given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    jsonschema.validate(merged(yaml.safe_load(VALUES), given), SCHEMA)


def test_schema_describes_every_value_and_allows_no_other():
    for where, schema in objects(SCHEMA, ""):
        if "properties" not in schema:
            continue
        closed = schema.get("additionalProperties") is False
        assert closed or where == "/routes/before/*", where
        for name, each in schema["properties"].items():
            assert each.get("description", "").endswith("."), f"{where}/{name}"


def test_schema_knows_every_value_that_there_is():
    assert known(yaml.safe_load(VALUES), SCHEMA) == []


def test_every_value_has_a_comment():
    lines = VALUES.splitlines()
    bare = [
        line.strip()
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r" *[A-Za-z][\w.]*:", line) and not _explained(before, line)
    ]
    # The second tier says nothing that the first does not; groups whose comment stands inside.
    assert set(bare) <= REPEATED, bare


REPEATED = {
    "large:", "host: llama-large", "namespace: llm", "port: 8000",
    "models: [llama-3.3-70b-instruct]", "small:", "istio: ingress", "canaryLabels: {}",
    "app.kubernetes.io/name: weighbridge-router", "canary: canary",
}  # fmt: skip


def _explained(before: str, line: str) -> bool:
    group = line.rstrip().endswith(":")
    return group or before.lstrip().startswith("#")


def merged(under, over):
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {key: merged(under.get(key), value) for key, value in over.items()}


def objects(schema, where) -> Iterator[tuple[str, dict]]:
    yield where, schema
    for name, each in schema.get("properties", {}).items():
        yield from objects(each, f"{where}/{name}")
    if "items" in schema:
        yield from objects(schema["items"], f"{where}/*")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from objects(schema["additionalProperties"], f"{where}/*")


def known(values, schema) -> list[str]:
    properties = schema.get("properties")
    if properties is None or not isinstance(values, dict):
        return []
    missing = [name for name in properties if name not in values and name != "global"]
    return missing + [f for name in values for f in known(values[name], properties[name])]

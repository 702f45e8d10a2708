"""Collector, Tempo, Loki and Grafana fit together by name, and store only what is listed.

None of them runs here: what is held is that the files agree with each other and with what router
and Envoy send (tests/envoy/test_tracing.py has what Envoy sends; tests/lab/test_collector.py runs
the collector).
"""

import re
from urllib.parse import urlsplit

import pytest
import yaml
from contract.tree import REPOSITORY
from weighbridge.contract import SpanAttribute
from weighbridge.logs import DecisionLine, JsonFormatter
from weighbridge.tracing.tracer import resource
from weighbridge_mesh.access_log import FIELDS, TRACE_FIELDS
from weighbridge_mesh.options import Endpoint, TracingOptions
from weighbridge_mesh.tracing import tracing

HOME = REPOSITORY / "observability"
NAMESPACE = "observability"
KINDS = ("receivers", "processors", "exporters")


def read(path):
    return yaml.safe_load((HOME / path).read_text(encoding="utf-8"))


CONFIG = read("collector/config.yaml")
VALUES = {name: read(f"values/{name}.yaml") for name in ("collector", "tempo", "loki", "grafana")}
ALLOWED = set(CONFIG["processors"]["redaction"]["allowed_keys"])
SOURCES = {
    source["uid"]: source for source in VALUES["grafana"]["grafana"]["additionalDataSources"]
}


def kept_log_fields():
    (block,) = CONFIG["processors"]["transform/logs"]["log_statements"]
    (statement,) = block["statements"]
    return set(re.findall(r'"(\w+)"', statement))


def without_removals(value):
    """What is left once Helm has taken out what null removes."""
    if not isinstance(value, dict):
        return value
    return {key: without_removals(inner) for key, inner in value.items() if inner is not None}


def test_the_chart_s_values_hold_the_same_configuration():
    assert without_removals(VALUES["collector"]["config"]) == CONFIG


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_declared_is_used_and_what_is_used_is_declared(kind):
    used = {name for line in CONFIG["service"]["pipelines"].values() for name in line[kind]}

    assert used == set(CONFIG[kind])


@pytest.mark.parametrize("pipeline", CONFIG["service"]["pipelines"])
def test_memory_is_bounded_first_and_batches_are_made_last(pipeline):
    steps = CONFIG["service"]["pipelines"][pipeline]["processors"]

    assert (steps[0], steps[-1]) == ("memory_limiter", "batch")
    assert len(steps) == 3


@pytest.mark.parametrize("attribute", SpanAttribute)
def test_all_that_the_router_says_may_be_stored(attribute):
    assert attribute in ALLOWED


def test_what_the_router_s_spans_are_of_may_be_stored():
    assert set(resource()) <= ALLOWED


def test_nothing_that_a_client_wrote_may_be_stored():
    made = tracing(TracingOptions(collector=Endpoint("c", 1)))
    replaced = {tag["tag"] for tag in made["custom_tags"]}

    assert not replaced & ALLOWED
    assert not [key for key in ALLOWED if re.search(r"prompt$|content|messages|header|user", key)]
    assert not CONFIG["processors"]["redaction"]["allow_all_keys"]


def test_log_fields_that_are_kept_are_ones_that_somebody_writes():
    decision = set(DecisionLine.__struct_fields__)
    records = {"ts", "event", "level", "logger", "message", "error", "traceback"}
    access = {*FIELDS, *TRACE_FIELDS}

    assert kept_log_fields() <= decision | records | access
    assert {"trace_id", "span_id", "tier", "reason"} <= kept_log_fields()
    assert not {"client", "user_agent", "authority", "request_id", "ask_hash"} & kept_log_fields()


def test_log_records_are_made_of_the_fields_named_above():
    source = REPOSITORY / "router" / "weighbridge" / "logs.py"
    text = source.read_text(encoding="utf-8").partition(f"class {JsonFormatter.__name__}")[2]

    assert {"ts", "event", "level", "logger", "message"} <= set(re.findall(r'"(\w+)": ', text))


@pytest.mark.parametrize(
    ("endpoint", "release"),
    [
        ("http://" + CONFIG["exporters"]["otlp/tempo"]["endpoint"], "tempo"),
        (CONFIG["exporters"]["otlphttp/loki"]["endpoint"], "loki"),
        (SOURCES["tempo"]["url"], "tempo"),
        (SOURCES["loki"]["url"], "loki"),
    ],
)
def test_backends_are_addressed_by_the_names_that_their_values_give(endpoint, release):
    assert urlsplit(endpoint).hostname == f"{VALUES[release]['fullnameOverride']}.{NAMESPACE}.svc"


def test_tempo_listens_where_the_collector_sends():
    port = CONFIG["exporters"]["otlp/tempo"]["endpoint"].rpartition(":")[2]
    listens = VALUES["tempo"]["tempo"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]

    assert listens.endswith(f":{port}")


def test_data_sources_point_at_each_other():
    logs = SOURCES["tempo"]["jsonData"]["tracesToLogsV2"]["datasourceUid"]
    (field,) = SOURCES["loki"]["jsonData"]["derivedFields"]

    assert SOURCES[logs]["type"] == "loki"
    assert SOURCES[field["datasourceUid"]]["type"] == "tempo"


def test_loki_can_take_what_otlp_brings():
    loki = VALUES["loki"]["loki"]

    assert loki["limits_config"]["allow_structured_metadata"] is True
    assert {each["schema"] for each in loki["schemaConfig"]["configs"]} == {"v13"}


def test_the_guide_names_the_collector_s_service():
    port = CONFIG["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    service = f"{VALUES['collector']['fullnameOverride']}.{NAMESPACE}.svc:{port}"

    assert service in (REPOSITORY / "docs" / "admin-guide.md").read_text(encoding="utf-8")

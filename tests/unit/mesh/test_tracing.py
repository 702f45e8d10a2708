"""What Envoy is told of tracing, and that it is told nothing while it is off."""

import json

import pytest
import yaml
from typer.testing import CliRunner
from weighbridge_mesh.bootstrap import bootstrap
from weighbridge_mesh.cli import app
from weighbridge_mesh.options import COLLECTOR_CLUSTER, BootstrapOptions, Endpoint, TracingOptions
from weighbridge_mesh.validation import validate


def rendered(**options):
    tracing = TracingOptions(collector=Endpoint("127.0.0.1", 4318), **options)
    return bootstrap(BootstrapOptions(tracing=tracing))


def manager(bootstrap):
    (listener,) = bootstrap["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def sampler(**options):
    return manager(rendered(**options))["tracing"]["provider"]["typed_config"]["sampler"]


def test_off_leaves_no_word_of_it():
    plain = bootstrap(BootstrapOptions())

    assert "trac" not in json.dumps(plain).lower().replace("traceparent", "")
    assert "layered_runtime" not in plain
    assert "request_id_extension" not in manager(plain)


def test_spans_go_to_the_collector_s_cluster_by_the_protocol_s_path():
    made = rendered()
    clusters = {cluster["name"] for cluster in made["static_resources"]["clusters"]}
    uri = manager(made)["tracing"]["provider"]["typed_config"]["http_service"]["http_uri"]

    assert uri["cluster"] == COLLECTOR_CLUSTER
    assert uri["cluster"] in clusters
    assert uri["uri"].endswith("/v1/traces")


@pytest.mark.parametrize(
    ("share", "millionths"), [(0.0, 0), (0.01, 10_000), (0.000001, 1), (1.0, 1_000_000)]
)
def test_the_share_is_the_sampler_s(share, millionths):
    assert sampler(sample=share)["typed_config"]["sampling_percentage"] == {
        "numerator": millionths,
        "denominator": "MILLION",
    }


def test_clients_are_heeded_by_a_sampler_around_the_share_s():
    asked = sampler(sample=0.5, heed_clients=True)

    assert asked["name"].endswith("parent_based")
    assert asked["typed_config"]["wrapped_sampler"] == sampler(sample=0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1, 5.0, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="share from 0 to 1"):
        TracingOptions(collector=Endpoint("c", 1), sample=share)


@pytest.mark.parametrize("more", [[], ["--trace-heed-clients"]])
@pytest.mark.parametrize(
    "collector", ["127.0.0.1:4318", "otel.example:4318", "unix:/run/otel.sock"]
)
def test_envoy_accepts_what_the_command_prints(collector, more, tmp_path):
    words = ["bootstrap", "--trace", collector, "--trace-sample", "0.25", *more]
    printed = CliRunner().invoke(app, words)
    file = tmp_path / "envoy.yaml"
    file.write_text(printed.output)

    validate(file)
    assert "numerator: 250000" in printed.output
    assert ("parent_based" in printed.output) is bool(more)
    fields = manager(yaml.safe_load(printed.output))["access_log"][0]["typed_config"]
    assert {"trace_id", "span_id"} < set(fields["log_format"]["json_format"])


def test_a_share_in_per_cent_is_refused_with_a_message():
    ran = CliRunner().invoke(app, ["bootstrap", "--trace", "c:1", "--trace-sample", "5"])

    assert ran.exit_code == 2
    assert "expected a share from 0 to 1" in ran.output


def test_what_a_client_wrote_is_replaced_in_spans():
    tags = {tag["tag"]: tag for tag in manager(rendered())["tracing"]["custom_tags"]}

    assert set(tags) == {"http.url", "user_agent", "guid:x-request-id", "peer.address"}
    assert tags.pop("http.url")["value"] == "%PATH(NQ:PATH)%"
    assert {tag["literal"]["value"] for tag in tags.values()} == {"-"}

"""The rendering, as plain values and as Envoy judges it."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner
from weighbridge.contract import DECISION_HEADERS, HEADER_TIER, Reason
from weighbridge.settings import Settings
from weighbridge_mesh.bootstrap import bootstrap, to_yaml
from weighbridge_mesh.cli import HEADER, app
from weighbridge_mesh.options import BodyMode, BootstrapOptions, Endpoint, FilterOptions, Pool
from weighbridge_mesh.validation import InvalidBootstrapError, validate

GOLDEN = Path(__file__).parents[3] / "mesh" / "envoy" / "bootstrap.example.yaml"

VARIANTS = {
    "default": BootstrapOptions(),
    "full-duplex": BootstrapOptions(filter=FilterOptions(body_mode=BodyMode.FULL_DUPLEX_STREAMED)),
    "fail-closed": BootstrapOptions(filter=FilterOptions(failure_mode_allow=False)),
    "unix-socket": BootstrapOptions(router=(Endpoint(path="/run/weighbridge.sock"),)),
    "names": BootstrapOptions(router=(Endpoint("router.example", 9002),)),
    "bare": BootstrapOptions(admin=None, pool_health_path=None, access_log="/dev/null"),
    "one-tier": BootstrapOptions(
        pools=(Pool("only", (Endpoint("::1", 1), Endpoint("127.0.0.1", 2))),), fallback_tier="only"
    ),
}


def rendered(options=VARIANTS["default"]):
    return bootstrap(options)


def manager(config):
    (listener,) = config["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def ext_proc(config):
    return manager(config)["http_filters"][0]["typed_config"]


def routes(config):
    (host,) = manager(config)["route_config"]["virtual_hosts"]
    return host["routes"]


def clusters(config):
    return {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}


def test_committed_example_is_what_the_command_prints():
    printed = CliRunner().invoke(app, ["bootstrap"])
    assert printed.exit_code == 0
    assert GOLDEN.read_text() == printed.output, f"run: {HEADER.partition(': ')[2]} > {GOLDEN.name}"


@pytest.mark.parametrize("variant", VARIANTS)
def test_envoy_accepts(variant, tmp_path):
    file = tmp_path / "envoy.yaml"
    file.write_text(to_yaml(rendered(VARIANTS[variant])))
    validate(file)


def test_envoy_refuses_what_it_does_not_know(tmp_path):
    file = tmp_path / "envoy.yaml"
    file.write_text(to_yaml(rendered() | {"surprise": 1}))
    with pytest.raises(InvalidBootstrapError, match="surprise"):
        validate(file)


def test_deprecated_fields_are_refused(tmp_path):
    config = rendered()
    config["static_resources"]["clusters"][0]["respect_dns_ttl"] = True
    file = tmp_path / "envoy.yaml"
    file.write_text(to_yaml(config))
    with pytest.raises(InvalidBootstrapError, match="respect_dns_ttl"):
        validate(file)


def test_body_limit_is_the_routers():
    (host,) = manager(rendered())["route_config"]["virtual_hosts"]
    assert host["request_body_buffer_limit"] == Settings().limits.body_bytes


def test_fallback_tier_is_the_routers():
    assert BootstrapOptions().fallback_tier == Settings().policy.fallback_tier
    assert [pool.tier for pool in BootstrapOptions().pools] == list(Settings().tiers)


def test_router_is_asked_for_requests_only():
    mode = ext_proc(rendered())["processing_mode"]
    assert mode["request_header_mode"] == "SEND"
    assert mode["request_body_mode"] == "BUFFERED"
    assert mode["response_header_mode"] == "SKIP"
    assert mode["response_body_mode"] == "NONE"


def test_full_duplex_shows_trailers_as_envoy_demands():
    mode = ext_proc(rendered(VARIANTS["full-duplex"]))["processing_mode"]
    assert mode["request_trailer_mode"] == "SEND"


def test_filter_fails_open_and_may_set_our_headers_alone():
    config = ext_proc(rendered())
    assert config["failure_mode_allow"] is True
    assert config["message_timeout"] == "0.2s"
    assert config["mutation_rules"]["disallow_all"] is True
    assert config["disable_immediate_response"] is True


def test_client_copies_are_removed_before_any_filter():
    (mutation,) = manager(rendered())["early_header_mutation_extensions"]
    removed = [each["remove"] for each in mutation["typed_config"]["mutations"]]
    assert removed == list(DECISION_HEADERS)


def test_routes_end_in_a_catch_all_that_says_fail_open():
    *tiers, last = routes(rendered())
    assert [route["match"]["headers"][0]["name"] for route in tiers] == [HEADER_TIER] * len(tiers)
    assert "headers" not in last["match"]
    assert last["route"]["cluster"] == "tier-large"
    added = {each["header"]["value"] for each in last["request_headers_to_add"]}
    assert added == {"large", Reason.FAIL_OPEN}


def test_responses_are_not_bounded_but_silence_is():
    assert {route["route"]["timeout"] for route in routes(rendered())} == {"0s"}
    assert manager(rendered())["stream_idle_timeout"] == "600s"


def test_pool_connections_are_given_up_before_vllm_closes_them():
    vllm_keep_alive_s = 5
    assert BootstrapOptions().pool_idle_timeout_s < vllm_keep_alive_s


def test_router_cluster_knows_no_panic():
    cluster = clusters(rendered())["weighbridge-router"]
    assert cluster["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}


def test_yaml_has_no_anchors_and_reads_back():
    text = to_yaml(rendered(), "two\nlines")
    assert text.startswith("# two\n# lines\n")
    assert "&id" not in text
    assert yaml.safe_load(text) == rendered()

"""A stand-alone Envoy and the mesh are told the same, field by field."""

from charts.mesh.reading import connection_manager, http_filter, patches, policy
from weighbridge.settings import Settings
from weighbridge_mesh.access_log import access_log
from weighbridge_mesh.bootstrap import bootstrap
from weighbridge_mesh.clusters import (
    COLLECTOR_EXPORTS,
    METER_BATCHES,
    METER_HTTP2,
    http2_protocol,
    outlier_detection,
    router_cluster,
    router_health,
)
from weighbridge_mesh.filter_chain import EXT_PROC, ext_proc_filter, router_filter
from weighbridge_mesh.metering import receipt_log, usage_filter
from weighbridge_mesh.options import (
    BodyMode,
    BootstrapOptions,
    Endpoint,
    FilterOptions,
    MeteringOptions,
    TracingOptions,
)

HOST = "weighbridge-router.weighbridge.svc.cluster.local"
IN_MESH = FilterOptions(cluster=f"outbound|9002||{HOST}", authority=HOST)


METERING = MeteringOptions(
    meter=Endpoint("meter", 9003),
    cluster="outbound|9003||weighbridge-router-meter.weighbridge.svc.cluster.local",
    host="weighbridge-router-meter.weighbridge.svc.cluster.local",
    team="%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:team)%",
    user="%REQ(x-user)%",
)
TRACING = TracingOptions(
    collector=Endpoint("collector", 4318),
    cluster="outbound|4318||collector.tracing.svc.cluster.local",
    host="collector.tracing.svc.cluster.local",
    sample=0.1,
)


def alone(options=BootstrapOptions(filter=IN_MESH)):  # noqa: B008 - frozen
    (listener,) = bootstrap(options)["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def test_the_filter_is_the_same(rendered):
    assert http_filter(rendered("default"), EXT_PROC) == ext_proc_filter(IN_MESH)


def test_the_filter_is_the_same_with_other_values(rendered):
    options = FilterOptions(
        cluster=IN_MESH.cluster,
        authority=HOST,
        failure_mode_allow=False,
        body_mode=BodyMode.FULL_DUPLEX_STREAMED,
    )

    assert http_filter(rendered("open"), EXT_PROC) == ext_proc_filter(options)


def test_the_connection_manager_is_told_nothing_else(rendered):
    told = connection_manager(rendered("default"))

    assert told == {key: alone()[key] for key in told} | {"access_log": [access_log(None)]}


def test_a_413_tells_the_limit_that_is_set(rendered):
    options = BootstrapOptions(filter=FilterOptions(body_bytes=1_000_000))
    told = connection_manager(rendered("open"))

    assert told["local_reply_config"] == alone(options)["local_reply_config"]


def test_what_the_connection_manager_is_not_told_is_for_istio_to_say(rendered):
    istio_s = {"@type", "stat_prefix", "codec_type", "route_config", "http_filters"}

    assert set(alone()) - set(connection_manager(rendered("default"))) == istio_s


def test_the_last_filter_is_the_same(rendered):
    assert http_filter(rendered("default"), "envoy.filters.http.router") == router_filter()


def test_bodies_and_headers_of_answers_are_the_same(rendered):
    (told,) = patches(rendered("default"), "VIRTUAL_HOST")
    (host,) = alone()["route_config"]["virtual_hosts"]
    known = host | host["routes"][0]

    assert told == {key: known[key] for key in told}
    assert told["request_body_buffer_limit"] == Settings().limits.body_bytes


def test_the_listener_lifts_the_limit_where_the_virtual_host_can_not(rendered):
    (told,) = patches(rendered("open"), "VIRTUAL_HOST")
    _, listener = patches(rendered("open"), "LISTENER")

    assert "request_body_buffer_limit" not in told
    assert listener == {"per_connection_buffer_limit_bytes": 1_000_000}


def test_the_routers_cluster_is_checked_the_same(rendered):
    (told,) = patches(rendered("default"), "CLUSTER")
    known = router_cluster(BootstrapOptions(filter=IN_MESH))

    assert told == {key: known[key] for key in told}
    assert told["health_checks"] == [router_health(IN_MESH)]


def test_the_routers_rule_says_the_rest_of_its_cluster(rendered):
    rule = rendered("default").one("DestinationRule", "weighbridge-mesh-router")["spec"]
    (port,) = rule["trafficPolicy"]["portLevelSettings"]
    known = router_cluster(BootstrapOptions())
    (breaker,) = known["circuit_breakers"]["thresholds"]
    pool = port["connectionPool"]

    assert port["loadBalancer"] == {"simple": known["lb_policy"]}
    assert pool["tcp"]["connectTimeout"] == known["connect_timeout"]
    assert pool["tcp"]["maxConnections"] == breaker["max_connections"]
    assert pool["http"]["http1MaxPendingRequests"] == breaker["max_pending_requests"]
    assert pool["http"]["http2MaxRequests"] == breaker["max_requests"]
    assert pool["http"]["maxRetries"] == breaker["max_retries"]


def test_a_router_beside_envoy_is_the_same_cluster_over_a_socket(rendered):
    (told,) = patches(rendered("sidecar"), "CLUSTER")
    socket = Endpoint(path="/var/run/weighbridge/ext_proc.sock")

    assert told == router_cluster(BootstrapOptions(router=(socket,)))
    assert http_filter(rendered("sidecar"), EXT_PROC) == ext_proc_filter(FilterOptions())


def test_a_pools_rule_is_that_of_a_stand_alone_pool(rendered):
    told = policy(rendered("default"), "small")
    known = outlier_detection()
    outliers = told["outlierDetection"]

    assert outliers["consecutive5xxErrors"] == known["enforcing_consecutive_5xx"] == 0
    assert outliers["consecutiveGatewayErrors"] == known["consecutive_gateway_failure"]
    assert outliers["consecutiveLocalOriginFailures"] == known["consecutive_local_origin_failure"]
    assert outliers["interval"] == known["interval"]
    assert outliers["baseEjectionTime"] == known["base_ejection_time"]
    assert outliers["maxEjectionPercent"] == known["max_ejection_percent"]
    assert told["connectionPool"]["http"]["idleTimeout"] == "3s"
    assert BootstrapOptions().pool_idle_timeout_s == 3


def test_no_access_log_unless_it_is_wanted(rendered):
    assert "access_log" not in connection_manager(rendered("open"))


def test_tokens_are_counted_the_same(rendered):
    metered = rendered("metered")

    assert http_filter(metered, "envoy.filters.http.lua") == usage_filter()
    assert connection_manager(metered)["access_log"][1] == receipt_log(METERING)


def test_a_user_who_is_not_to_be_told_is_in_no_receipt(with_values):
    values = {"metering": {"enabled": True}}
    _, log = connection_manager(with_values(values))["access_log"]
    told = [each["key"] for each in log["typed_config"]["attributes"]["values"]]

    assert "team" in told
    assert "user" not in told


def test_token_counts_are_found_after_the_router_was_asked_and_before_the_last_filter(rendered):
    names = [each["name"] for each in patches(rendered("metered"), "HTTP_FILTER")]

    assert names == [EXT_PROC, "envoy.filters.http.lua", "envoy.filters.http.router"]


def test_spans_are_made_the_same(rendered):
    options = BootstrapOptions(filter=IN_MESH, tracing=TRACING)
    told, known = connection_manager(rendered("metered")), alone(options)

    assert told["tracing"] == known["tracing"]
    assert told["request_id_extension"] == known["request_id_extension"]
    assert told["access_log"][0] == access_log(None, traced=True)


def test_clients_decide_on_spans_if_they_may(with_values):
    values = {"tracing": {"enabled": True, "sample": 0.1, "heedClients": True}}
    heeding = TracingOptions(collector=TRACING.collector, sample=0.1, heed_clients=True)
    known = alone(BootstrapOptions(filter=IN_MESH, tracing=heeding))
    told = connection_manager(with_values(values))

    provider = told["tracing"]["provider"]["typed_config"]
    assert provider["sampler"] == known["tracing"]["provider"]["typed_config"]["sampler"]


def test_neither_meter_nor_collector_can_fill_the_gateways_memory(rendered):
    (keepalive, _) = patches(rendered("metered"), "CLUSTER")
    meter, collector = (
        rendered("metered").one("DestinationRule", f"weighbridge-mesh-{name}")["spec"]
        for name in ("meter", "collector")
    )

    assert keepalive == http2_protocol(METER_HTTP2)
    assert _http(meter)["http2MaxRequests"] == METER_BATCHES
    assert _http(collector)["http1MaxPendingRequests"] == COLLECTOR_EXPORTS


def _http(rule):
    (port,) = rule["trafficPolicy"]["portLevelSettings"]
    return port["connectionPool"]["http"]

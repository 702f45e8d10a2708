"""What the mesh's chart renders, as Helm renders it."""

import json
import socket

import pytest
from charts.mesh.reading import (
    clusters,
    connection_manager,
    destinations,
    http_filter,
    patches,
    policy,
    routes,
)
from charts.rendering import (
    MESH_CHART,
    render,
    scenarios,
)
from weighbridge.contract import DECISION_HEADERS, HEADER_REASON, HEADER_TIER, Reason
from weighbridge_mesh.filter_chain import EXT_PROC, SAFE_RETRIES
from weighbridge_mesh.options import BootstrapOptions

SCENARIOS = scenarios(MESH_CHART)
ISTIO_SCENARIOS = sorted(set(SCENARIOS) - {"gateway-api"})
LIMIT = "envoy.filters.http.local_ratelimit"


@pytest.mark.parametrize("scenario", ISTIO_SCENARIOS)
def test_the_last_route_takes_everything_and_says_that_nobody_weighed_it(rendered, scenario):
    *_, (name, last) = routes(rendered(scenario)).items()

    assert name == "fail-open"
    assert "match" not in last
    assert last["headers"]["request"]["set"] == {
        HEADER_TIER: BootstrapOptions().fallback_tier,
        HEADER_REASON: Reason.FAIL_OPEN,
    }
    assert {HEADER_TIER, HEADER_REASON, *last["headers"]["request"]["remove"]} == set(
        DECISION_HEADERS
    )


@pytest.mark.parametrize("scenario", ISTIO_SCENARIOS)
def test_no_answer_is_bounded_in_time_and_only_what_none_began_is_tried_again(rendered, scenario):
    for route in routes(rendered(scenario)).values():
        assert "timeout" not in route
        if "route" in route:
            assert route["retries"].get("retryOn", SAFE_RETRIES) == SAFE_RETRIES


@pytest.mark.parametrize("scenario", ["default", "gateway-api"])
def test_what_a_server_may_have_begun_is_tried_again_only_where_so_set(scenario):
    bold = render(MESH_CHART, SCENARIOS[scenario], settings=["retries.begun=true"]).text

    assert f": {SAFE_RETRIES},reset\n" in bold


def test_models_of_all_tiers_are_listed_without_asking_the_router(rendered):
    rendering = rendered("three-tiers")
    name, models = next(iter(routes(rendering).items()))
    listed = json.loads(models["directResponse"]["body"]["string"])
    (unasked,) = patches(rendering, "HTTP_ROUTE")

    assert name == "models"
    assert [each["id"] for each in listed["data"]] == [
        "auto",
        "gemma-2-9b-it",
        "llama-3.3-70b-instruct",
        "qwen-2.5-coder-32b",
    ]
    assert unasked["typed_per_filter_config"][EXT_PROC]["disabled"] is True


def test_a_third_tier_needs_values_only(rendered):
    rendering = rendered("three-tiers")

    assert list(routes(rendering)) == [
        "models",
        "tier-code",
        "tier-large",
        "tier-small",
        "fail-open",
    ]
    assert destinations(routes(rendering)["tier-code"]) == [("qwen-coder", None, None)]
    assert policy(rendering, "code")["connectionPool"]["tcp"]["connectTimeout"] == "2s"
    assert rendering.one("AuthorizationPolicy", "weighbridge-mesh-code")
    assert {d["metadata"]["namespace"] for d in rendering.all("Sidecar")} == {
        "code",
        "llm",
        "weighbridge",
    }


def test_a_tier_overrides_the_defaults_of_all_and_no_other_tier(rendered):
    rendering = rendered("three-tiers")

    assert policy(rendering, "code")["loadBalancer"] == {
        "simple": "LEAST_REQUEST",
        "warmup": {"duration": "120s", "minimumPercent": 10},
    }
    assert policy(rendering, "large")["loadBalancer"] == {
        "consistentHash": {"httpHeaderName": "x-prefix"}
    }
    assert policy(rendering, "small")["loadBalancer"] == {"simple": "LEAST_REQUEST"}


def test_an_override_tells_the_tier_that_serves(rendered):
    route = routes(rendered("tuning"))["decile-5"]
    told = [each["headers"]["request"]["set"][HEADER_TIER] for each in route["route"]]

    assert destinations(route) == [
        ("llama-large", None, 1000),
        ("gemma-small", None, 90 * 75),
        ("gemma-small", None, 90 * 25),
    ]
    assert told == ["large", "small", "small"]


def test_overrides_come_before_the_tiers_and_raw_ones_pass_as_they_are(rendered):
    names = list(routes(rendered("tuning")))

    assert names.index("maintenance") < names.index("tier-large")
    assert routes(rendered("tuning"))["maintenance"]["directResponse"] == {"status": 503}


def test_a_split_has_a_rule_for_each_host_where_the_gateway_finds_it(rendered):
    rules = rendered("tuning").all("DestinationRule")

    assert [
        (d["metadata"]["namespace"], d["spec"]["host"].split(".")[:2])
        for d in rules
        if "small" in d["metadata"]["name"]
    ] == [
        ("istio-ingress", ["gemma-small", "llm"]),
        ("istio-ingress", ["gemma-small", "llm-west"]),
    ]


def test_only_named_routes_are_kept_from_the_router(rendered):
    filters = rendered("tuning").one("EnvoyFilter")["spec"]["configPatches"]
    named = [
        each["match"]["routeConfiguration"]["vhost"]["route"]["name"]
        for each in filters
        if each["applyTo"] == "HTTP_ROUTE"
    ]

    assert named == ["models", "health"]


def test_the_pool_comes_first_and_its_fallback_last(rendered):
    added = clusters(rendered("subsets"))
    canary = added["outbound|8000|canary|gemma-small.llm.svc.cluster.local"]

    assert canary["cluster_type"]["typed_config"]["clusters"] == [
        "own|8000|canary|gemma-small.llm.svc.cluster.local",
        "own|8000|stable|gemma-small.llm.svc.cluster.local",
        "outbound|8000|stable|llama-large.llm.svc.cluster.local",
    ]


def test_a_canary_has_stable_behind_it_where_its_pool_has_no_fallback(rendered):
    added = clusters(rendered("subsets"))
    canary = added["outbound|8000|canary|llama-large.llm.svc.cluster.local"]

    assert canary["cluster_type"]["typed_config"]["clusters"] == [
        "own|8000|canary|llama-large.llm.svc.cluster.local",
        "outbound|8000|stable|llama-large.llm.svc.cluster.local",
    ]
    assert "outbound|8000|stable|llama-large.llm.svc.cluster.local" not in added


def test_each_pool_that_others_take_over_for_is_renamed_and_replaced(rendered):
    renamed = {
        each["match"]["cluster"]["name"]: each["patch"]["value"]["name"]
        for each in rendered("subsets").one("EnvoyFilter")["spec"]["configPatches"]
        if each["applyTo"] == "CLUSTER"
        and each["patch"]["operation"] == "MERGE"
        and "name" in each["patch"]["value"]
    }

    assert set(renamed) == set(clusters(rendered("subsets")))
    assert len(renamed) == 3
    assert all(own == "own" + routed.removeprefix("outbound") for routed, own in renamed.items())


def test_answers_are_counted_under_the_name_that_is_routed_to(rendered):
    for name, cluster in clusters(rendered("subsets")).items():
        assert cluster["alt_stat_name"] == f"{name};"


@pytest.mark.parametrize(
    ("scenario", "leaving"),
    [("three-tiers", ["tier-code"]), ("subsets", ["tier-large", "tier-small"])],
)
def test_only_retries_of_a_tier_with_a_fallback_or_a_canary_leave_their_servers(
    rendered, scenario, leaving
):
    retries = {name: r["retries"] for name, r in routes(rendered(scenario)).items() if "route" in r}

    assert [n for n, each in retries.items() if each.get("retryRemoteLocalities")] == leaving


def test_routes_that_no_rollout_knows_stay_with_the_stable_subset(rendered):
    rendering = rendered("subsets")

    assert destinations(routes(rendering)["tier-small"]) == [
        ("gemma-small", "stable", 90),
        ("gemma-small", "canary", 10),
    ]
    assert destinations(routes(rendering)["fail-open"]) == [("llama-large", "stable", None)]


def test_a_client_is_counted_after_its_token_and_before_the_router_is_asked(rendered):
    inserted = patches(rendered("jwt-ratelimit"), "HTTP_FILTER", "INSERT_BEFORE")

    assert [each["name"] for each in inserted] == [LIMIT, EXT_PROC]


@pytest.mark.parametrize(
    ("values", "action", "key"),
    [
        ({"by": "address"}, {"remote_address": {}}, "remote_address"),
        (
            {"by": "header", "key": "x-client"},
            {"request_headers": {"header_name": "x-client", "descriptor_key": "client"}},
            "client",
        ),
    ],
    ids=["address", "header"],
)
def test_each_client_has_a_bucket_of_its_own(with_values, values, action, key):
    rendering = with_values({"rateLimit": {"enabled": True, "burst": 7, **values}})
    limit = http_filter(rendering, LIMIT)["typed_config"]

    assert limit["rate_limits"] == [{"actions": [action]}]
    assert limit["descriptors"] == [
        {
            "entries": [{"key": key}],
            "token_bucket": {"max_tokens": 7, "tokens_per_fill": 60, "fill_interval": "60s"},
        }
    ]
    assert limit["always_consume_default_token_bucket"] is False


def test_a_request_without_a_token_is_refused_but_where_it_is_exempt(rendered):
    policy = rendered("jwt-ratelimit").one("AuthorizationPolicy", "weighbridge-mesh-require-jwt")
    (rule,) = policy["spec"]["rules"]

    assert policy["spec"]["action"] == "DENY"
    assert rule["from"] == [{"source": {"notRequestPrincipals": ["*"]}}]
    assert rule["to"] == [{"operation": {"notPaths": ["/v1/models"]}}]


def test_nobody_but_the_gateway_reaches_pools_and_router(rendered):
    gateway = "cluster.local/ns/istio-ingress/sa/istio-ingress"
    policies = rendered("default").all("AuthorizationPolicy")

    assert len(policies) == 3
    for each in policies:
        first, *others = each["spec"]["rules"]
        assert first["from"] == [{"source": {"principals": [gateway]}}]
        assert [rule["to"] for rule in others] in ([], [[{"operation": {"ports": ["9090"]}}]])


def test_mtls_is_demanded_of_router_and_pools_but_for_metrics(rendered):
    found = {
        (d["metadata"]["namespace"], d["metadata"]["name"]): d["spec"]
        for d in rendered("default").all("PeerAuthentication")
    }
    metrics = found.pop(("weighbridge", "weighbridge-mesh-metrics"))

    assert metrics["portLevelMtls"] == {9090: {"mode": "PERMISSIVE"}}
    assert {spec["mtls"]["mode"] for spec in (*found.values(), metrics)} == {"STRICT"}
    assert {namespace for namespace, _ in found} == {"llm", "weighbridge"}


def test_with_the_router_beside_envoy_nothing_is_said_of_its_namespace(rendered):
    namespaces = {d["metadata"]["namespace"] for d in rendered("sidecar").documents}

    assert namespaces == {"istio-ingress", "llm"}


def test_plain_http_only_redirects_unless_it_is_asked_for(rendered):
    https, http = rendered("default").one("Gateway")["spec"]["servers"]

    assert https["tls"]["minProtocolVersion"] == "TLSV1_2"
    assert http["tls"] == {"httpsRedirect": True}


def test_great_numbers_are_written_out(with_values):
    rendering = with_values({"tierDefaults": {"connectionPool": {"maxConnections": 5_000_000}}})

    assert policy(rendering, "small")["connectionPool"]["tcp"]["maxConnections"] == 5_000_000
    assert "e+" not in rendering.text


def test_silence_is_bounded(with_values):
    told = connection_manager(with_values({"timeouts": {"streamIdle": "30s"}}))

    assert told["stream_idle_timeout"] == "30s"


def test_silent_streams_of_clients_are_kept_alive_with_numbers_that_linux_knows(with_values):
    values = {"timeouts": {"clientKeepalive": {"time": "90s", "interval": "15s", "probes": 3}}}
    (listener,) = patches(with_values(values), "LISTENER")

    told = {(o["level"], o["name"]): o["int_value"] for o in listener["socket_options"]}
    assert told == {
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 90,
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 15,
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 3,
    }


def test_without_a_time_nobody_probes_clients(with_values):
    assert patches(with_values({"timeouts": {"clientKeepalive": {"time": ""}}}), "LISTENER") == []


def test_the_name_of_the_release_goes_before_that_of_the_chart():
    assert render(MESH_CHART, name="blue").one("VirtualService")["metadata"]["name"] == (
        "blue-weighbridge-mesh"
    )

"""What the mesh's chart renders for the Gateway API."""

import pytest
from charts.mesh.reading import patches
from weighbridge.contract import HEADER_TIER
from weighbridge_mesh.filter_chain import EXT_PROC, SAFE_RETRIES

API = "gateway-api"
JWT = {"enabled": True, "issuer": "https://issuer.example", "jwksUri": "https://issuer.example/k"}


def test_gateway_api_has_the_same_routes(rendered):
    rendering = rendered("gateway-api")
    acme, health, large, small, fail_open = rendering.one("HTTPRoute", "weighbridge-mesh")["spec"][
        "rules"
    ]

    assert acme["matches"] == [{"headers": [{"name": "x-tenant", "value": "acme"}]}]
    assert health["matches"] == [{"path": {"type": "Exact", "value": "/health"}}]
    assert large["matches"] == [{"headers": [{"name": HEADER_TIER, "value": "large"}]}]
    assert small["matches"] == [{"headers": [{"name": HEADER_TIER, "value": "small"}]}]
    assert "matches" not in fail_open
    assert {rule["timeouts"]["request"] for rule in (acme, health, large, small, fail_open)} == {
        "0s"
    }


def test_gateway_api_takes_a_rule_without_backends_as_it_is(with_values):
    moved = {
        "matches": [{"path": {"value": "/docs"}}],
        "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "example.com"}}],
    }
    rendering = with_values({"routes": {"before": [{"name": "moved", **moved}], "optOut": []}}, API)

    assert rendering.one("HTTPRoute", "weighbridge-mesh")["spec"]["rules"][0] == {
        **moved,
        "timeouts": {"request": "0s"},
    }


def test_a_gateway_that_is_already_there_is_known_by_its_pods(with_values):
    there = {"type": "Hostname", "value": "edge.istio-ingress.svc.cluster.local"}
    rendering = with_values(
        {"gateway": {"addresses": [there], "selector": {"istio": "edge"}}, "jwt": JWT}, API
    )
    chosen = rendering.one("EnvoyFilter")["spec"]
    (rule,) = rendering.one("AuthorizationPolicy", "weighbridge-mesh-small")["spec"]["rules"]

    assert chosen["workloadSelector"] == {"labels": {"istio": "edge"}}
    assert "targetRefs" not in chosen
    assert rendering.one("RequestAuthentication")["spec"]["selector"] == {
        "matchLabels": {"istio": "edge"}
    }
    assert rule["from"][0]["source"]["principals"] == [
        "cluster.local/ns/istio-ingress/sa/istio-ingress"
    ]


def test_gateway_api_is_told_what_its_routes_can_not_say(rendered):
    rendering = rendered("gateway-api")
    retries, models, health, to_https = patches(rendering, "HTTP_ROUTE")

    assert rendering.one("EnvoyFilter")["spec"]["targetRefs"][0]["kind"] == "Gateway"
    assert models["direct_response"]["status"] == 200
    assert retries["route"]["retry_policy"]["retry_on"] == SAFE_RETRIES
    assert health["typed_per_filter_config"][EXT_PROC]["disabled"] is True
    named = rendering.one("EnvoyFilter")["spec"]["configPatches"]
    assert [
        each["match"]["routeConfiguration"]["vhost"]["route"]["name"]
        for each in named
        if each["patch"]["value"] in (health, to_https)
    ] == ["istio-ingress.weighbridge-mesh.1", "istio-ingress.weighbridge-mesh-https.0"]


@pytest.mark.parametrize(
    ("mode", "options"),
    [("SIMPLE", None), ("MUTUAL", {"gateway.istio.io/tls-terminate-mode": "MUTUAL"})],
)
def test_gateway_api_asks_clients_for_certificates_where_they_are_demanded(
    with_values, mode, options
):
    gateway = with_values({"gateway": {"https": {"mode": mode}}}, API).one("Gateway")
    told = [each["tls"] for each in gateway["spec"]["listeners"] if "tls" in each]

    assert [each.get("options") for each in told] == [options] * len(told)
    assert told


def test_gateway_api_may_lead_to_the_pools_namespace(rendered):
    grant = rendered("gateway-api").one("ReferenceGrant")

    assert grant["metadata"]["namespace"] == "llm"
    assert grant["spec"]["from"][0]["namespace"] == "istio-ingress"


def test_gateway_api_knows_the_service_account_that_istio_makes(rendered):
    (rule,) = rendered("gateway-api").one("AuthorizationPolicy", "weighbridge-mesh-small")["spec"][
        "rules"
    ]

    assert rule["from"][0]["source"]["principals"] == [
        "cluster.local/ns/istio-ingress/sa/weighbridge-mesh-istio"
    ]

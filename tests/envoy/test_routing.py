import pytest
from envoy_rig.requests import EASY, HARD, chat, client_of, decision, padded, received
from weighbridge_mesh.options import BodyMode, Endpoint, FilterOptions


@pytest.fixture(scope="module", params=list(BodyMode), ids=lambda mode: mode.value)
def client(request, rig, stack, endpoints):
    """The same pools and router behind an Envoy of each body mode."""
    options = FilterOptions(body_mode=request.param)
    envoy = rig.envoy(endpoints, [stack.router.endpoint], filter=options)
    with client_of(envoy) as client:
        yield client


@pytest.mark.parametrize(("text", "tier"), [(EASY, "small"), (HARD, "large")])
def test_prompt_goes_to_the_pool_of_its_difficulty(client, text, tier):
    response = client.post("/v1/chat/completions", json=chat(text))
    assert response.json()["pool"] == tier
    assert decision(response) == (tier, "score")
    assert 0 <= float(response.headers["x-weighbridge-score"]) <= 1


@pytest.mark.parametrize("tier", ["small", "large"])
def test_model_name_of_a_tier_is_obeyed(client, tier):
    response = client.post("/v1/chat/completions", json=chat(model=f"weighbridge/{tier}"))
    assert response.json()["pool"] == tier
    assert decision(response) == (tier, "explicit")


@pytest.mark.parametrize("path", ["/v1/models", "/version", "/nowhere/to/be?found=1"])
def test_request_without_a_body_goes_to_the_passive_tier(client, path):
    response = client.get(path)
    assert response.json()["path"] == path
    assert decision(response) == ("small", "no-body")


def test_unknown_path_with_a_body_reaches_a_pool_as_it_is(client):
    response = client.post("/v2/else%2Fwhere?a=b", content=b"anything")
    assert response.json()["path"] == "/v2/else%2Fwhere?a=b"
    assert response.json()["pool"] == "small"
    assert decision(response) == ("small", "other-path")


def test_body_larger_than_one_chunk_is_routed_by_its_prompt(client):
    body = chat(HARD, metadata={"padding": "x" * 300_000})
    assert client.post("/v1/chat/completions", json=body).json()["pool"] == "large"


def test_slash_too_many_in_the_base_url_is_mended(stack):
    response = stack.client.post("/v1//chat/completions", json=chat(HARD))
    assert response.json()["path"] == "/v1/chat/completions"
    assert response.json()["pool"] == "large"


def test_http2_client_is_routed(stack):
    with client_of(stack.envoy, http1=False, http2=True) as client:
        for text, tier in ((EASY, "small"), (HARD, "large")):
            response = client.post("/v1/chat/completions", json=chat(text))
            assert response.http_version == "HTTP/2"
            assert response.json()["pool"] == tier
        assert client.post("/v1/chat/completions", content=padded(1 << 20)).status_code == 200


def test_response_has_no_score_where_nothing_was_weighed(stack):
    assert "x-weighbridge-score" not in stack.client.get("/v1/models").headers


def test_pool_learns_of_the_decision(stack):
    response = stack.client.post("/v1/chat/completions", json=chat(HARD))
    for name in ("tier", "score", "reason"):
        header = f"x-weighbridge-{name}"
        assert received(response, header) == [response.headers[header]]


def test_pool_cannot_forge_what_the_client_is_told(stack):
    response = stack.client.get("/v1/models")
    assert [value for key, value in response.headers.items() if "weighbridge" in key] == [
        "small",
        "no-body",
    ]


def test_several_servers_of_a_tier_share_its_requests(rig, stack, endpoints):
    second = rig.pool("small")
    pools = {**endpoints, "small": [*endpoints["small"], second.endpoint]}
    envoy = rig.envoy(pools, [stack.router.endpoint])
    before = stack.pools["small"].count()
    with client_of(envoy) as client:
        for _ in range(40):
            client.get("/v1/models")
    assert second.count() > 0
    assert stack.pools["small"].count() > before


def test_router_is_asked_over_a_unix_socket(rig, endpoints):
    socket = rig.folder / "router.sock"
    router = rig.router(WEIGHBRIDGE_LISTEN__UNIX_SOCKET=str(socket))
    with client_of(rig.envoy(endpoints, [Endpoint(path=str(socket))])) as client:
        response = client.post("/v1/chat/completions", json=chat(HARD))
    assert decision(response) == ("large", "score")
    router.close()

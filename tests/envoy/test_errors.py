"""Errors that Envoy makes are shaped as OpenAI's; those that pools make pass as they are."""

import json
import socket

import pytest
from envoy_rig.requests import chat, client_of, decision
from openai import InternalServerError, OpenAI


@pytest.fixture(scope="module")
def without_small(rig, stack, endpoints):
    """An Envoy whose small pool is gone."""
    gone = rig.pool("small")
    gone.kill()
    return rig.envoy({**endpoints, "small": [gone.endpoint]}, [stack.router.endpoint])


def assert_openai_shaped(response, status, code, kind):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == (kind, None, code)


def test_pool_that_is_down_is_a_503(without_small):
    with client_of(without_small) as client:
        response = client.post("/v1/chat/completions", json=chat())
    assert_openai_shaped(response, 503, "no_healthy_upstream", "server_error")
    assert decision(response) == ("small", "score")


def test_openai_client_understands_a_pool_that_is_down(without_small):
    with (
        OpenAI(base_url=f"{without_small.url}/v1", api_key="k", max_retries=0) as client,
        pytest.raises(InternalServerError) as caught,
    ):
        client.chat.completions.create(**chat())
    assert caught.value.code == "no_healthy_upstream"


def test_server_that_is_gone_is_stepped_over(rig, stack, endpoints):
    gone = rig.pool("small")
    gone.kill()
    small = [gone.endpoint, *endpoints["small"]]
    envoy = rig.envoy({**endpoints, "small": small}, [stack.router.endpoint])
    with client_of(envoy) as client:
        statuses = {client.post("/v1/models").status_code for _ in range(30)}
    assert statuses == {200}


def test_request_that_a_pool_has_begun_is_not_sent_again(stack):
    before = stack.pools["small"].count()
    response = stack.client.post("/v1/chat/completions?reset=1", json=chat())
    assert_openai_shaped(response, 503, "connection_lost", "server_error")
    assert stack.pools["small"].count() == before + 1


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_errors_of_a_pool_pass_as_they_are(stack, status):
    before = stack.pools["small"].count()
    response = stack.client.post(f"/v1/chat/completions?status={status}", json=chat())
    assert response.status_code == status
    assert response.json()["pool"] == "small"
    assert stack.pools["small"].count() == before + 1


def test_headers_too_large_are_a_431(stack):
    response = stack.client.get("/v1/models", headers={"x-long": "x" * 70_000})
    assert_openai_shaped(response, 431, "headers_too_large", "invalid_request_error")


@pytest.mark.parametrize(
    "raw",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
    ids=["no-http", "no-host", "smuggling"],
)
def test_request_that_is_no_http_is_a_400(stack, raw):
    host, port = stack.envoy.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(raw)
        head, _, body = _everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    assert json.loads(body)["error"]["code"] == "bad_request"


def _everything(connection):
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received

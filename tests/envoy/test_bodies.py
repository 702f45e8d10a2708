import hashlib

import pytest
from envoy_rig.requests import client_of, padded

KIB = 1024
MIB = 1024 * KIB
LIMIT = 16 * MIB


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
@pytest.mark.parametrize("size", [0, 1, 64 * KIB, MIB, 3 * MIB, 10 * MIB, LIMIT])
def test_body_arrives_byte_for_byte(stack, size, chunked):
    body = padded(size)
    content = (body[start : start + 50_000] for start in range(0, size, 50_000))
    response = stack.client.post("/v1/chat/completions", content=content if chunked else body)
    assert response.status_code == 200
    assert response.json()["size"] == size
    assert response.json()["sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("size", [64 * KIB, 3 * MIB])
def test_body_arrives_byte_for_byte_over_http2(stack, size):
    body = padded(size)
    with client_of(stack.envoy, http1=False, http2=True) as client:
        response = client.post("/v1/chat/completions", content=body)
    assert response.json()["sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_body_over_the_limit_is_refused_in_openai_shape(stack, chunked):
    body = padded(LIMIT + 1)
    response = stack.client.post("/v1/chat/completions", content=iter([body]) if chunked else body)
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert "16 MiB (16777216 bytes)" in error["message"]
    assert error["code"] == "request_too_large"
    assert "x-weighbridge-tier" not in response.headers


def test_body_of_ten_mebibytes_is_weighed_in_time(stack):
    """At least one of several: a busy machine may lose some to the message_timeout."""
    answers = [
        stack.client.post("/v1/chat/completions", content=padded(10 * MIB)) for _ in range(5)
    ]
    assert "context-window" in [answer.headers["x-weighbridge-reason"] for answer in answers]

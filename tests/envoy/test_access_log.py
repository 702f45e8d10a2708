import pytest
from envoy_rig.requests import HARD, chat, padded
from envoy_rig.rig import wait_until

SECRET = "hunter2-and-more"


@pytest.fixture(scope="module")
def lines(stack):
    """Lines by request id."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    stack.client.post(
        f"/v1/chat/completions?key={SECRET}",
        json=chat(f"{HARD} {SECRET}"),
        headers={"x-request-id": "hard", "traceparent": trace, "authorization": SECRET},
    )
    stack.client.get("/v1/models", headers={"x-request-id": "models"})
    too_large = padded((16 << 20) + 1)
    stack.client.post("/v1/chat/completions", content=too_large, headers={"x-request-id": "large"})

    def read():
        return {line["request_id"]: line for line in stack.envoy.lines()}

    wait_until(lambda: {"hard", "models", "large"} <= set(read()), "the lines are written")
    return read()


def test_line_tells_the_decision_and_where_it_led(lines, stack):
    line = lines["hard"]
    large = stack.pools["large"].endpoint
    assert line["status"] == 200
    assert (line["tier"], line["reason"], line["route"]) == ("large", "score", "tier-large")
    assert line["upstream_cluster"] == "tier-large"
    assert line["upstream_host"] == f"{large.host}:{large.port}"
    assert int(line["decile"]) == int(float(line["score"]) * 10)
    assert line["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert line["duration_ms"] >= line["ttfb_ms"] >= 0
    assert int(line["router_headers_us"]) > 0
    assert int(line["router_body_us"]) > 0


def test_what_was_not_weighed_has_no_score(lines):
    assert lines["models"]["score"] is None
    assert lines["models"]["reason"] == "no-body"


def test_request_that_was_refused_went_nowhere(lines):
    line = lines["large"]
    assert (line["status"], line["tier"], line["upstream_host"]) == (413, None, None)
    assert line["details"] == "request_payload_too_large"


def test_neither_query_nor_prompt_nor_credential_is_logged(lines, stack):
    assert lines["hard"]["path"] == "/v1/chat/completions"
    assert SECRET not in stack.envoy.access_log.read_text()


def test_client_is_told_the_request_id(stack):
    response = stack.client.get("/v1/models", headers={"x-request-id": "mine"})
    assert response.headers["x-request-id"] == "mine"
    assert stack.client.get("/v1/models").headers["x-request-id"]

import asyncio
import gzip
import hashlib
import json
import zlib

import pytest

BODY = json.dumps({"messages": [{"role": "user", "content": "How heavy?"}]}).encode()
CHAT = "/v1/chat/completions"


async def test_the_primary_name_answers_for_all_aliases(start):
    client = await start(served_model_names=("gemma", "auto"))
    assert [(await client.ask(model=name))["model"] for name in ("auto", "gemma")] == ["gemma"] * 2
    assert (await client.ask())["model"] == "gemma"


async def test_echo_model_answers_with_the_name_asked_for(start):
    client = await start(served_model_names=("gemma", "auto"), echo_model=True)
    assert (await client.ask(model="auto"))["model"] == "auto"
    assert (await client.ask())["model"] == "gemma"


async def test_any_model_refuses_none(start):
    client = await start(any_model=True)
    assert (await client.ask(model="gpt-99"))["http"] == 200


async def test_same_seed_same_answer_and_other_seed_another(start):
    one, same, other = [await start(seed=seed) for seed in (1, 1, 2)]
    answers = [(await client.ask(max_tokens=30))["choices"] for client in (one, same, other)]
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize(
    ("changes", "status", "kind", "param"),
    [
        ({"model": "gpt-99"}, 404, "NotFoundError", "model"),
        ({"messages": None}, 400, "Bad Request", "messages"),
        ({"max_tokens": 0}, 400, "Bad Request", "max_tokens"),
        ({"max_tokens": 2000}, 400, "BadRequestError", "input_tokens"),
        (
            {"messages": [{"role": "user", "content": "x" * 5000}]},
            400,
            "BadRequestError",
            "input_tokens",
        ),
    ],
)
async def test_refusals_look_like_those_of_vllm(start, changes, status, kind, param):
    client = await start(max_model_len=1000)
    answer = await client.ask(**changes)
    assert answer["http"] == status
    error = answer["error"]
    assert (error["type"], error["param"], error["code"]) == (kind, param, status)
    assert error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", CHAT, 405), ("POST", "/v1/nothing", 404), ("POST", "/debug/failures", 405)],
)
async def test_unknown_paths_and_methods_get_json_too(start, method, path, status):
    client = await start()
    async with client.session.request(method, path, headers={"x-request-id": "r1"}) as response:
        assert response.status == status
        assert (await response.json())["error"]["code"] == status
        assert response.headers["x-request-id"] == "r1"
        assert ("allow" in response.headers) == (status == 405)


async def test_errors_of_messages_look_like_those_of_anthropic(start):
    answer = await (await start()).ask("/v1/messages", model="gpt-99")
    assert answer["http"] == 404
    assert (answer["type"], answer["error"]["type"]) == ("error", "NotFoundError")


async def test_a_body_that_is_no_json_is_refused(start):
    client = await start()
    async with client.session.post(CHAT, data=b"{") as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "Bad Request"


async def test_bodies_beyond_the_limit_are_refused_compressed_or_not(start):
    client = await start(body_limit_bytes=100_000)
    large = BODY + b" " * 100_000
    for body, headers in (
        (large, {}),
        (gzip.compress(large, mtime=0), {"content-encoding": "gzip"}),
    ):
        async with client.session.post(CHAT, data=body, headers=headers) as response:
            assert response.status == 413
            assert (await response.json())["error"]["code"] == 413


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(BODY, mtime=0), "gzip", 200),
        (zlib.compress(BODY), "deflate", 200),
        (BODY, "identity", 200),
        (BODY, "gzip", 400),
        (BODY, "zstd", 415),
    ],
)
async def test_encodings_of_bodies(start, body, encoding, status):
    client = await start()
    headers = {"content-encoding": encoding}
    async with client.session.post(CHAT, data=body, headers=headers) as response:
        assert response.status == status


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_carry_request_id_and_digest_of_the_body_as_it_came(start, stream):
    client = await start(body_digest=True)
    body = gzip.compress(json.dumps(json.loads(BODY) | {"stream": stream}).encode())
    headers = {"content-encoding": "gzip", "x-request-id": "r-1"}
    async with client.session.post(CHAT, data=body, headers=headers) as response:
        assert response.headers["x-simulator-body-sha256"] == hashlib.sha256(body).hexdigest()
        assert response.headers["x-request-id"] == "r-1"
        assert b"chatcmpl-r-1" in await response.read()


async def test_digests_are_off_unless_asked_for(start):
    client = await start()
    async with client.session.post(CHAT, data=BODY) as response:
        assert "x-simulator-body-sha256" not in response.headers


async def test_a_client_that_hangs_up_frees_its_blocks(start):
    client = await start(speed=1.0, ttft_ms=1.0, itl_ms=10_000.0)
    asked = {**json.loads(BODY), "stream": True, "max_tokens": 50, "ignore_eos": True}
    response = await client.session.post(CHAT, json=asked)
    await response.content.readline()
    assert await client.metric("vllm:num_requests_running") == 1
    assert await client.metric("vllm:kv_cache_usage_perc") > 0
    response.close()
    await client.until("vllm:num_requests_running", 0)
    assert await client.metric("vllm:kv_cache_usage_perc") == 0
    assert await client.metric("vllm:request_success_total", finished_reason="abort") == 1


async def test_requests_beyond_the_places_wait_and_show_in_the_gauge(start):
    client = await start(speed=1.0, ttft_ms=200.0, itl_ms=1.0, max_num_seqs=2)
    asks = [asyncio.ensure_future(client.ask(content=f"question {n}")) for n in range(5)]

    await client.until("vllm:num_requests_waiting", 3)
    assert await client.metric("vllm:num_requests_running") == 2
    answers = await asyncio.gather(*asks)
    assert {answer["http"] for answer in answers} == {200}
    assert await client.metric("vllm:num_requests_waiting") == 0


async def test_preemption_shows_in_the_metrics_and_not_in_the_answers(start):
    client = await start(speed=1.0, ttft_ms=1.0, itl_ms=0.5, kv_blocks=8, max_model_len=128)
    asks = [client.ask(content=f"q{n}", max_tokens=90, ignore_eos=True) for n in range(2)]
    answers = await asyncio.gather(*asks)
    assert [answer["usage"]["completion_tokens"] for answer in answers] == [90, 90]
    assert await client.metric("vllm:num_preemptions_total") >= 1


async def test_requests_are_counted_by_path_and_status_class(start):
    client = await start()
    await client.ask()
    await client.ask(model="gpt-99")
    async with client.session.get("/health") as response:
        assert response.status == 200
    paths = {"handler": CHAT, "method": "POST"}
    assert await client.metric("http_requests_total", **paths, status="2xx") == 1
    assert await client.metric("http_requests_total", **paths, status="4xx") == 1
    assert await client.metric("http_request_duration_seconds_count", **paths) == 2


async def test_a_client_that_reads_late_gets_every_token_nonetheless(start):
    client = await start(speed=1.0, ttft_ms=1.0, itl_ms=1.0)
    asked = {**json.loads(BODY), "stream": True, "max_tokens": 30, "ignore_eos": True}
    async with client.session.post(CHAT, json=asked) as response:
        await client.until("vllm:num_requests_running", 0)
        text = await response.text()
    assert text.count('"content"') == 31
    assert text.endswith("data: [DONE]\n\n")

import hashlib

import pytest


async def chunks():
    for number in range(5):
        yield bytes([number]) * 1000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x00\xff raw", b"\x00\xff raw"),
        (b"", b""),
        (chunks, b"".join(bytes([n]) * 1000 for n in range(5))),
    ],
)
async def test_the_digest_tells_what_arrived(start, data, expected):
    client = await start()
    body = data() if callable(data) else data
    headers = {"X-Mixed-Case": "Value", "content-encoding": "gzip"}
    async with client.session.put("/debug/sha256/any/path?q=1", data=body, headers=headers) as got:
        told = await got.json()
    assert told["sha256"] == hashlib.sha256(expected).hexdigest()
    assert told["bytes"] == len(expected)
    assert told["headers"]["x-mixed-case"] == "Value"


async def test_failures_can_be_looked_at_and_replaced_as_a_whole(start):
    client = await start()
    await client.put_failures(error_rate=1.0, error_status=503)
    await client.put_failures(itl_factor=3.0)
    async with client.session.get("/debug/failures") as response:
        failures = await response.json()
    assert (failures["error_rate"], failures["itl_factor"]) == (0.0, 3.0)


@pytest.mark.parametrize("body", [b"{", b'{"error_rate": 2}', b'{"eror_rate": 1}'])
async def test_impossible_failures_change_nothing(start, body):
    client = await start()
    async with client.session.put("/debug/failures", data=body) as response:
        assert response.status == 400
    assert (await client.ask())["http"] == 200


async def test_failures_are_out_of_reach_unless_asked_for(start):
    client = await start(debug_endpoints=False)
    async with client.session.put("/debug/failures", json={"error_rate": 1}) as response:
        assert response.status == 404
    async with client.session.post("/debug/sha256", data=b"x") as response:
        assert response.status == 200


async def test_version_and_tokenize_answer(start):
    client = await start(vllm_version="0.33.0", max_model_len=4096)
    async with client.session.get("/version") as response:
        assert await response.json() == {"version": "0.33.0"}
    told = await client.ask("/tokenize", prompt="x" * 40)
    assert (told["count"], told["max_model_len"], len(told["tokens"])) == (10, 4096, 10)
    assert (await client.ask("/tokenize", prompt=None))["http"] == 400


async def test_the_metrics_page_is_prometheus_text(start):
    client = await start()
    async with client.session.get("/metrics") as response:
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_before_it_is_ready_nothing_is_served(start):
    client = await start(startup_seconds=60.0)
    for path in ("/health", "/v1/models"):
        async with client.session.get(path) as response:
            assert response.status == 503
    answer = await client.ask()
    assert (answer["http"], answer["error"]["type"]) == (503, "ServiceUnavailableError")

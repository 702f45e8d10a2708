"""Failures asked for, as a client sees them."""

import aiohttp
import pytest


@pytest.mark.parametrize(
    ("status", "kind"), [(500, "InternalServerError"), (503, "ServiceUnavailableError")]
)
async def test_errors_hit_about_the_fraction_asked_for(start, status, kind):
    client = await start()
    await client.put_failures(error_rate=0.5, error_status=status)
    answers = [await client.ask() for _ in range(60)]
    failed = [answer for answer in answers if answer["http"] == status]
    assert 15 < len(failed) < 45
    assert {answer["error"]["type"] for answer in failed} == {kind}
    assert {answer["http"] for answer in answers} == {200, status}
    assert await client.metric("vllm:request_params_n_count") == 60 - len(failed)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_connection_ends_before_the_answer_does(start, stream):
    client = await start(speed=1.0, ttft_ms=1.0, itl_ms=1.0)
    await client.put_failures(cut_rate=1.0)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError)):
        await (client.lines if stream else client.ask)(max_tokens=20, ignore_eos=True)
    assert await client.metric("vllm:num_requests_running") == 0
    await client.put_failures()
    assert (await client.ask())["http"] == 200


async def test_a_stalled_stream_goes_on_later(start):
    client = await start(speed=1.0, ttft_ms=1.0, itl_ms=1.0)
    await client.put_failures(stall_rate=1.0, stall_seconds=0.4)
    lines = await client.lines(max_tokens=10, ignore_eos=True)
    assert lines[-1] == "data: [DONE]"
    long_gaps = await client.metric("vllm:inter_token_latency_seconds_count") - await client.metric(
        "vllm:inter_token_latency_seconds_bucket", le="0.3"
    )
    assert long_gaps == 1


async def test_factors_reach_the_metrics(start):
    client = await start(speed=1.0, ttft_ms=1.0, itl_ms=1.0)
    await client.put_failures(ttft_factor=60.0, itl_factor=30.0)
    await client.ask(max_tokens=3, ignore_eos=True)
    assert await client.metric("vllm:time_to_first_token_seconds_bucket", le="0.04") == 0
    assert await client.metric("vllm:inter_token_latency_seconds_bucket", le="0.01") == 0


@pytest.mark.parametrize("kind", ["none", "negative", "absurd", "missing"])
@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/v1/chat/completions", "completion_tokens"),
        ("/v1/completions", "completion_tokens"),
        ("/v1/responses", "output_tokens"),
        ("/v1/messages", "output_tokens"),
    ],
)
async def test_garbage_usage_is_garbage_and_the_rest_is_not(start, kind, path, counts):
    client = await start()
    await client.put_failures(garbage_usage=kind)
    answer = await client.ask(path, max_output_tokens=8, ignore_eos=True)
    assert answer["http"] == 200
    usage = answer.get("usage")
    if kind == "missing":
        assert usage is None
    else:
        assert {"none": 8, "negative": -8, "absurd": 10**15 + 8}[kind] == usage[counts]


@pytest.mark.parametrize("kind", ["negative", "missing"])
async def test_garbage_usage_reaches_streams(start, kind):
    client = await start()
    await client.put_failures(garbage_usage=kind)
    lines = await client.lines(stream_options={"include_usage": True})
    assert ('"usage"' in lines[-2]) == (kind == "negative")
    assert ('"prompt_tokens":-' in lines[-2]) == (kind == "negative")


async def test_a_refusing_pool_drops_everything_but_the_way_back(start):
    client = await start()
    await client.put_failures(refuse=True)
    for path in ("/health", "/metrics", "/v1/models"):
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.session.get(path)
    await client.put_failures()
    assert (await client.ask())["http"] == 200


async def test_a_slow_start_begins_when_it_is_set(start):
    client = await start()
    assert (await client.ask())["http"] == 200
    await client.put_failures(slow_start_seconds=60.0)
    assert (await client.ask())["http"] == 503

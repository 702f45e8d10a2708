"""The real server, asked by an independent client: every message gets its own kind of answer."""

import asyncio

import grpc
import pytest
from stream.peer import BodySendMode, ProcessingRequest, body, headers, trailers
from unit.bodies import EASY, HARD, chat

with_mode = pytest.mark.parametrize(
    "mode",
    [BodySendMode.BUFFERED, BodySendMode.STREAMED, BodySendMode.FULL_DUPLEX_STREAMED],
    ids=lambda mode: mode.name,
)
DUPLEX = BodySendMode.FULL_DUPLEX_STREAMED
HUGE = chat("The quick brown fox. " * 150_000 + "Why?")


def chunks(content, size=50_000):
    return [content[start : start + size] for start in range(0, len(content), size)]


async def ended(call):
    """Whether the router has ended the stream on its own, and in good order."""
    return await call.receive() is None and await call.status() is grpc.StatusCode.OK


@pytest.mark.parametrize(("text", "tier"), [(EASY, "small"), (HARD, "large")])
async def test_a_buffered_request_gets_its_decision_with_the_body(serving, text, tier):
    async with serving() as (_, peer):
        decision = await peer.decide(chat(text))

    assert set(decision) == {"tier", "score", "decile", "reason"}
    assert (decision["tier"], decision["reason"]) == (tier, "score")
    assert 0 <= float(decision["score"]) <= 1
    assert int(decision["decile"]) == int(float(decision["score"]) * 10)


async def test_trailers_after_a_buffered_body_get_their_answer(serving):
    async with serving() as (_, peer):
        call = peer.call()
        await call.ask(headers())
        second = await call.ask(body(chat(HARD), end=False))
        third = await call.ask(trailers())

        assert (second.kind, second.decision["tier"]) == ("request_body", "large")
        assert (third.kind, third.decision) == ("request_trailers", None)
        assert await ended(call)


async def test_each_streamed_chunk_is_answered_and_the_last_decides(serving):
    async with serving() as (_, peer):
        call = peer.call()
        await call.ask(headers(BodySendMode.STREAMED))
        whole = chat(HARD)
        first = await call.ask(body(whole[:100], end=False))
        last = await call.ask(body(whole[100:]))

        assert (first.kind, first.decision, first.chunk) == ("request_body", None, None)
        assert (last.kind, last.decision["tier"]) == ("request_body", "large")
        assert await ended(call)


@with_mode
async def test_headers_that_end_the_request_are_answered_at_once(serving, mode):
    async with serving() as (_, peer):
        call = peer.call()
        answer = await call.ask(headers(mode, end=True, path="/v1/models"))

        assert answer.kind == "request_headers"
        assert answer.decision == {"tier": "small", "reason": "no-body"}
        assert await ended(call)


@pytest.mark.parametrize("with_trailers", [False, True])
async def test_full_duplex_hands_the_body_back_byte_for_byte(serving, with_trailers):
    async with serving() as (_, peer):
        call = peer.call()
        await call.send(headers(DUPLEX))
        *first, last = chunks(HUGE)
        for chunk in first:
            await call.send(body(chunk, end=False))
        await call.send(body(last, end=not with_trailers))
        if with_trailers:
            await call.send(trailers())
        answers = await call.rest()

        assert await call.status() is grpc.StatusCode.OK

    middle = answers[1:-1] if with_trailers else answers[1:]
    assert (answers[0].kind, answers[0].decision["tier"]) == ("request_headers", "large")
    assert {answer.kind for answer in middle} == {"request_body"}
    assert b"".join(answer.chunk.body for answer in middle) == HUGE
    assert max(len(answer.chunk.body) for answer in middle) <= 64 * 1024
    ends = [answer.chunk.end_of_stream for answer in middle]
    assert ends == [False] * (len(middle) - 1) + [not with_trailers]
    assert with_trailers == (answers[-1].kind == "request_trailers")


async def test_full_duplex_withholds_the_headers_until_the_body_is_in(serving):
    async with serving() as (_, peer):
        waiting, other = peer.call(), peer.call()
        await waiting.send(headers(DUPLEX))
        await waiting.send(body(chat(EASY)[:20], end=False))
        answer = asyncio.create_task(waiting.receive())

        # Whole exchanges of others pass while this one waits.
        assert (await other.ask(headers())).kind == "request_headers"
        await other.ask(body(chat(EASY)))
        for _ in range(5):
            await peer.decide(chat(EASY))
        assert not answer.done()

        await waiting.send(body(chat(EASY)[20:]))
        assert (await answer).decision["tier"] == "small"
        assert [one.kind for one in await waiting.rest()] == ["request_body"]


async def test_full_duplex_hands_a_body_beyond_the_cap_through_before_it_ends(serving):
    async with serving(limits={"body_bytes": 100_000}) as (_, peer):
        call = peer.call()
        await call.send(headers(DUPLEX))
        for chunk in (b"a" * 60_000, b"b" * 60_000):
            await call.send(body(chunk, end=False))

        first = await call.receive()
        assert (first.kind, first.decision["reason"]) == ("request_headers", "oversized")
        held = b"".join([(await call.receive()).chunk.body for _ in range(2)])
        assert held == b"a" * 60_000 + b"b" * 60_000

        after = await call.ask(body(b"c" * 60_000))
        assert (after.chunk.body, after.chunk.end_of_stream) == (b"c" * 60_000, True)
        assert await ended(call)


async def test_a_buffered_body_beyond_the_cap_takes_the_fallback_tier(serving):
    async with serving(limits={"body_bytes": 100_000}) as (_, peer):
        decision = await peer.decide(b"x" * 500_000)

    assert decision == {"tier": "large", "reason": "oversized"}


@with_mode
@pytest.mark.parametrize("kind", ["response_headers", "response_body", "response_trailers"])
async def test_messages_of_the_response_are_answered_with_their_own_kind(serving, mode, kind):
    empty = {
        "response_headers": {"response_headers": headers().request_headers},
        "response_body": {"response_body": body(b"data: x").request_body},
        "response_trailers": {"response_trailers": trailers().request_trailers},
    }
    async with serving() as (_, peer):
        call = peer.call()
        await call.send(headers(mode))
        if mode is not DUPLEX:
            await call.receive()
        answer = await call.ask(ProcessingRequest(**empty[kind]))

        assert (answer.kind, answer.decision, answer.chunk) == (kind, None, None)


@pytest.mark.parametrize(
    "message",
    [b"\xff\xff\xff\xff", b"hello", b"", b"\xfa\x07\x03abc", body(b"{}"), trailers()],
    ids=["garbage", "text", "empty", "unknown kind", "body first", "trailers first"],
)
async def test_what_breaks_the_protocol_is_refused_as_invalid(serving, message):
    async with serving() as (router, peer):
        call = peer.call()
        await call.send(message)

        assert await call.status() is grpc.StatusCode.INVALID_ARGUMENT
        assert "expected" in await call.details()
        # Whoever broke it, the next stream is served.
        assert (await peer.decide(chat(EASY)))["tier"] == "small"

    failures = router.metrics.registry.get_sample_value
    assert failures("weighbridge_failures_total", {"kind": "protocol"}) == 1


async def test_garbage_in_the_middle_of_a_stream_is_refused_as_invalid(serving):
    async with serving() as (_, peer):
        call = peer.call()
        await call.ask(headers())
        await call.send(b"\xff\xff")

        assert await call.status() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_peer_that_hangs_up_leaves_no_stream_behind(serving):
    async with serving() as (router, peer):
        gone = [peer.call() for _ in range(5)]
        for call in gone:
            await call.ask(headers())
        for call in gone:
            call.hang_up()
        in_flight = 5
        while in_flight:
            await peer.decide(chat(EASY))
            in_flight = router.metrics.registry.get_sample_value("weighbridge_streams_in_flight")


async def test_two_hundred_streams_are_open_at_once_and_each_gets_its_own_answer(serving):
    async with serving() as (router, peer):
        calls = [peer.call() for _ in range(200)]
        firsts = await asyncio.gather(*(call.ask(headers()) for call in calls))
        open_now = router.metrics.registry.get_sample_value("weighbridge_streams_in_flight")
        texts = [HARD if number % 3 == 0 else EASY for number in range(200)]
        asks = (call.ask(body(chat(text))) for call, text in zip(calls, texts, strict=True))
        seconds = await asyncio.gather(*asks)

    assert {first.kind for first in firsts} == {"request_headers"}
    assert open_now == 200
    tiers = [second.decision["tier"] for second in seconds]
    assert tiers == ["large" if text is HARD else "small" for text in texts]


async def test_streams_beyond_the_limit_are_refused_and_the_rest_served(serving):
    async with serving(listen={"max_streams": 8}) as (_, peer):
        held = [peer.call() for _ in range(8)]
        for call in held:
            assert (await call.ask(headers())).kind == "request_headers"

        refused = peer.call()
        await refused.send(headers())
        assert await refused.status() is grpc.StatusCode.RESOURCE_EXHAUSTED

        for call in held:
            assert (await call.ask(body(chat(HARD)))).decision["tier"] == "large"


async def test_a_router_with_all_its_streams_taken_is_still_healthy(serving):
    async with serving(listen={"max_streams": 4}) as (_, peer):
        held = [peer.call() for _ in range(4)]
        for call in held:
            await call.ask(headers())

        assert await peer.health() == 1

        for call in held:
            await call.ask(body(chat(EASY)))

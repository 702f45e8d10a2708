"""The real server with a second stage: uncertain prompts wait, others don't, none hangs."""

import asyncio
import threading

import pytest
from stream.peer import WAIT_S, BodySendMode, body, headers, trailers
from unit.artifacts import UNCERTAIN, write_tiny
from unit.bodies import EASY, HARD, chat
from weighbridge.classifier import Cascade

PATIENT = 1000
HASTY = 1


@pytest.fixture
def two_stages(folder, serving):
    """A router of two stages: `two_stages(deadline_ms=...)`."""
    model = write_tiny(folder / "model", second_stage=True)

    def serve(deadline_ms=PATIENT, **classifier):
        return serving(
            classifier={
                "artifact": str(model),
                "second_stage": True,
                "deadline_ms": deadline_ms,
                **classifier,
            }
        )

    return serve


@pytest.fixture
def gate(monkeypatch):
    """Holds every second look until it is set."""
    opened, refine = threading.Event(), Cascade.refine

    def slowly(*arguments):
        assert opened.wait(WAIT_S)
        return refine(*arguments)

    monkeypatch.setattr(Cascade, "refine", slowly)
    yield opened
    opened.set()


def counted(router, name, **labels):
    return router.metrics.registry.get_sample_value(f"weighbridge_{name}", labels) or 0


@pytest.mark.parametrize(("text", "tier"), [(EASY, "small"), (UNCERTAIN, "large"), (HARD, "large")])
async def test_a_prompt_near_the_threshold_gets_the_second_stages_answer(two_stages, text, tier):
    async with two_stages() as (router, peer):
        decision = await peer.decide(chat(text))

        assert (decision["tier"], decision["reason"]) == (tier, "score")
        assert counted(router, "stage_seconds_count", stage="refine") == (text == UNCERTAIN)


async def test_asked_again_it_is_remembered(two_stages):
    async with two_stages() as (router, peer):
        once, again = [await peer.decide(chat(UNCERTAIN)) for _ in range(2)]

        assert once == again
        assert counted(router, "stage_seconds_count", stage="refine") == 1


@pytest.mark.parametrize("with_trailers", [False, True])
async def test_in_full_duplex_headers_body_and_trailers_wait_for_it(two_stages, with_trailers):
    async with two_stages() as (_, peer):
        call = peer.call()
        await call.send(headers(BodySendMode.FULL_DUPLEX_STREAMED))
        await call.send(body(chat(UNCERTAIN), end=not with_trailers))
        if with_trailers:
            await call.send(trailers())
        answers = await call.rest()

    assert answers[0].decision["tier"] == "large"
    assert b"".join(answer.chunk.body for answer in answers if answer.chunk) == chat(UNCERTAIN)


async def test_after_the_deadline_the_first_stage_decides(two_stages, gate):
    async with two_stages(HASTY) as (router, peer):
        decision = await peer.decide(chat(UNCERTAIN))

        assert (decision["tier"], decision["reason"]) == ("small", "deadline")
        assert counted(
            router, "decisions_total", tier="small", reason="deadline", outcome="weighed"
        )
        gate.set()


async def test_while_one_stream_waits_the_others_are_served(two_stages, gate):
    async with two_stages() as (_, peer):
        waiting = asyncio.create_task(peer.decide(chat(UNCERTAIN)))
        for _ in range(5):
            assert (await peer.decide(chat(EASY)))["tier"] == "small"

        gate.set()
        decision = await waiting

    assert (decision["tier"], decision["reason"]) in {("large", "score"), ("small", "deadline")}


async def test_past_the_queue_the_first_stage_decides_at_once(two_stages, gate):
    prompts = [f"{UNCERTAIN} {letter}" for letter in "abcd"]
    async with two_stages(queue=1) as (_, peer):
        asked = [asyncio.create_task(peer.decide(chat(text))) for text in prompts]
        while sum(task.done() for task in asked) < 3:
            await asyncio.wait(
                [task for task in asked if not task.done()], return_when=asyncio.FIRST_COMPLETED
            )
        gate.set()
        decisions = await asyncio.gather(*asked)

    assert [decision["reason"] for decision in decisions].count("deadline") >= 3


async def test_a_second_stage_that_fails_leaves_the_firsts_decision(two_stages, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Cascade, "refine", broken)
    async with two_stages() as (router, peer):
        decisions = [await peer.decide(chat(UNCERTAIN)) for _ in range(2)]

        assert [(one["tier"], one["reason"]) for one in decisions] == [("small", "score")] * 2
        assert counted(router, "failures_total", kind="internal") == 2


async def test_a_client_that_hangs_up_while_it_waits_leaves_nothing_behind(two_stages, gate):
    async with two_stages() as (router, peer):
        call = peer.call()
        await call.ask(headers())
        await call.send(body(chat(UNCERTAIN)))
        assert counted(router, "streams_in_flight") == 1
        call.hang_up()
        while counted(router, "streams_in_flight"):
            await peer.health()
        gate.set()

        assert (await peer.decide(chat(HARD)))["tier"] == "large"


async def test_streams_that_wait_are_answered_before_the_router_leaves(two_stages, gate):
    async with two_stages() as (router, peer):
        call = peer.call()
        await call.ask(headers())
        await call.send(body(chat(UNCERTAIN)))
        router._stopping.set()
        gate.set()

        answer = await call.receive()

    assert answer.decision["reason"] in {"score", "deadline"}

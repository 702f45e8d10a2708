"""The refiner: an answer in time counts, one that is late or fails costs nothing but itself."""

import asyncio
import logging
import threading

import pytest
from weighbridge.classifier import Complexity
from weighbridge.contract import Endpoint
from weighbridge.prompt import Ask, Prompt
from weighbridge.refinement import Refiner
from weighbridge.settings import Classifier

WAIT_S = 30
"""Most seconds for anything awaited here: reached only where something hangs."""
SECRET = "my diagnosis is a rare disease"
FIRST = Complexity(0.45, 0.1, raw=1.0)
SECOND = Complexity(0.9, 0.1, "stage2", raw=2.0)
LATE = Complexity(0.45, 0.1, raw=1.0, late=True)
PROMPT = Prompt(Endpoint.CHAT, ask=Ask(SECRET, len(SECRET)))
HASTY = Classifier(deadline_ms=1, queue=2, workers=1)
PATIENT = HASTY.model_copy(update={"deadline_ms": WAIT_S * 1000})


class SecondStage:
    """Answers when it may."""

    name = "fake"
    has_second_stage = True

    def __init__(self, *, waits=False):
        self.may_answer = threading.Event()
        self.begun = threading.Semaphore(0)
        self.threads = set()
        self.calls = 0
        if not waits:
            self.may_answer.set()

    def refine(self, prompt, complexity):
        assert (prompt, complexity) == (PROMPT, FIRST)
        self.calls += 1
        self.threads.add(threading.current_thread())
        self.begun.release()
        assert self.may_answer.wait(WAIT_S)
        return SECOND


class Faulty(SecondStage):
    def refine(self, prompt, _):
        raise ValueError(prompt.ask.text)


@pytest.fixture
def failures():
    return []


@pytest.fixture
def refiner(failures):
    made = Refiner(failures.append)
    yield made
    made.close()


@pytest.fixture
def waiting():
    stage = SecondStage(waits=True)
    yield stage
    stage.may_answer.set()


def ask(refiner, stage, bounds=PATIENT):
    return refiner.refine(stage, bounds, PROMPT, FIRST)


async def begun(stage):
    assert await asyncio.to_thread(stage.begun.acquire, timeout=WAIT_S)


async def test_an_answer_in_time_counts_and_comes_from_another_thread(refiner, failures):
    stage = SecondStage()

    assert await ask(refiner, stage) == SECOND
    assert stage.threads
    assert threading.current_thread() not in stage.threads
    assert failures == []


async def test_the_event_loop_goes_on_while_the_second_stage_computes(refiner, waiting):
    asked = asyncio.create_task(ask(refiner, waiting))
    await begun(waiting)

    waiting.may_answer.set()

    assert await asked == SECOND


async def test_at_the_deadline_the_first_answer_stands_and_says_so(refiner, waiting, failures):
    assert await ask(refiner, waiting, HASTY) == LATE
    assert failures == []


async def test_what_has_not_begun_by_the_deadline_never_does(refiner, waiting):
    first = asyncio.create_task(ask(refiner, waiting))
    await begun(waiting)

    assert await ask(refiner, waiting, HASTY) == LATE
    waiting.may_answer.set()
    await first
    await ask(refiner, waiting)

    assert waiting.calls == 2


async def test_with_a_full_queue_the_first_answer_stands_at_once(refiner, waiting):
    asked = [asyncio.create_task(ask(refiner, waiting)) for _ in range(2)]
    await begun(waiting)

    assert await ask(refiner, waiting) == LATE

    waiting.may_answer.set()
    assert await asyncio.gather(*asked) == [SECOND, SECOND]
    assert await ask(refiner, waiting) == SECOND
    assert waiting.calls == 3


async def test_what_nobody_waits_for_but_still_computes_holds_its_place_in_the_queue(
    refiner, waiting
):
    narrow = PATIENT.model_copy(update={"queue": 1})
    hung_up = asyncio.create_task(ask(refiner, waiting, narrow))
    await begun(waiting)
    hung_up.cancel()

    assert await ask(refiner, waiting, narrow) == LATE
    assert waiting.calls == 1


async def test_a_fault_leaves_the_first_answer_and_is_counted_each_time_and_told_once(
    refiner, failures, caplog
):
    stage = Faulty()
    with caplog.at_level(logging.ERROR):
        answers = [await ask(refiner, stage) for _ in range(3)]

    assert answers == [FIRST] * 3
    assert failures == ["internal"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "stage 2 of fake fails, stage 1 decides: ValueError"
    ]
    assert SECRET not in caplog.text


async def test_another_classifier_that_fails_is_told_too(refiner, caplog):
    with caplog.at_level(logging.ERROR):
        for stage in (Faulty(), Faulty()):
            await ask(refiner, stage)

    assert len(caplog.records) == 2


async def test_a_new_generation_may_want_more_threads(refiner, waiting):
    wide = PATIENT.model_copy(update={"workers": 3, "queue": 5})
    old = asyncio.create_task(ask(refiner, waiting))
    await begun(waiting)

    new = [asyncio.create_task(ask(refiner, waiting, wide)) for _ in range(3)]
    for _ in new:
        await begun(waiting)

    waiting.may_answer.set()
    assert await asyncio.gather(old, *new) == [SECOND] * 4
    assert len(waiting.threads) == 4


async def test_a_stream_that_hangs_up_takes_its_prompt_out_of_the_queue(refiner, waiting):
    first = asyncio.create_task(ask(refiner, waiting))
    await begun(waiting)
    second = asyncio.create_task(ask(refiner, waiting))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second

    waiting.may_answer.set()
    assert await first == SECOND
    assert await ask(refiner, waiting) == SECOND
    assert waiting.calls == 2


async def test_closing_frees_who_waits_and_takes_no_more(refiner, waiting):
    running = asyncio.create_task(ask(refiner, waiting))
    await begun(waiting)
    queued = asyncio.create_task(ask(refiner, waiting))
    await asyncio.sleep(0)

    refiner.close()

    assert await queued == LATE
    assert await ask(refiner, waiting) == LATE
    waiting.may_answer.set()
    assert await running == SECOND
    assert waiting.calls == 1


def test_closing_without_ever_having_asked_is_nothing(refiner):
    refiner.close()

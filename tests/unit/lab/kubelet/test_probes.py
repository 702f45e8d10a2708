import asyncio

import pytest
from unit.lab.kubelet.fakes import probe
from weighbridge_lab.kubelet.probes import Tally, first_failure, first_verdict, follow


def answers(text):
    """Make an `ask` that answers by a text: + is good, - is bad, the last one for ever."""
    remaining = list(text)

    async def ask(_probe):
        one = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return None if one == "+" else "unwell"

    return ask


@pytest.mark.parametrize(
    ("successes", "failures", "said", "verdicts"),
    [
        (1, 3, "+", "+"),
        (1, 3, "--", ".."),
        (1, 3, "---", "..-"),
        (1, 3, "--+--", "..+.."),
        (2, 1, "+-++", ".-.+"),
        (1, 1, "+-+", "+-+"),
        (1, 2, "----", ".---"),
    ],
)
def test_a_verdict_takes_as_many_answers_in_a_row_as_its_threshold(
    successes, failures, said, verdicts
):
    tally = Tally(successes, failures)
    marks = {True: "+", False: "-", None: "."}
    assert "".join(marks[tally.count(one == "+")] for one in said) == verdicts


def test_thresholds_that_are_not_given_are_the_apis():
    tally = Tally.of(probe())
    assert tally.count(True) is True
    assert [tally.count(False) for _ in range(3)] == [None, None, False]


async def test_every_verdict_is_told_with_its_complaint():
    told = asyncio.Queue()
    asking = asyncio.create_task(
        follow(probe(failureThreshold=2), answers("+--"), lambda *verdict: told.put_nowait(verdict))
    )
    async with asyncio.timeout(5):
        assert [await told.get() for _ in range(3)] == [
            (True, ""),
            (False, "unwell"),
            (False, "unwell"),
        ]
    asking.cancel()


@pytest.mark.parametrize(
    ("said", "verdict"), [("--+", (True, "")), ("---", (False, "unwell")), ("+", (True, ""))]
)
async def test_the_first_verdict_ends_the_asking(said, verdict):
    async with asyncio.timeout(5):
        assert await first_verdict(probe(), answers(said)) == verdict


async def test_good_verdicts_do_not_end_the_wait_for_a_failure():
    async with asyncio.timeout(5):
        assert await first_failure(probe(), answers("++-+---")) == "unwell"


async def test_nothing_is_asked_before_the_initial_delay():
    asked = asyncio.Event()

    async def ask(_probe):
        asked.set()

    asking = asyncio.create_task(first_verdict(probe(initialDelaySeconds=60), ask))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not asked.is_set()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_an_error_while_asking_is_not_waited_through():
    async def ask(_probe):
        raise ValueError("fault")

    with pytest.raises(ValueError, match="fault"):
        await first_failure(probe(), ask)

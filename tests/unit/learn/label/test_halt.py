"""A halt is seen by all, keeps its first cause, and ends pauses at once."""

import asyncio

import pytest
from weighbridge.learn.label.halt import Cause, Halt, HaltedError


def test_the_first_cause_stands():
    halt = Halt()
    halt.check()
    halt.stop(Cause.POOL, "dead")
    error = halt.stop(Cause.BUDGET, "spent")
    assert (halt.cause, halt.words, str(error)) == (Cause.POOL, "dead", "dead")
    with pytest.raises(HaltedError, match="dead"):
        halt.check()


async def test_a_pause_ends_with_the_run():
    halt = Halt()
    pause = asyncio.create_task(halt.sleep(3600))
    await asyncio.sleep(0)
    halt.stop(Cause.INTERRUPT, "interrupted")
    with pytest.raises(HaltedError):
        await asyncio.wait_for(pause, 5)


async def test_a_pause_without_a_halt_just_passes():
    await Halt().sleep(0)

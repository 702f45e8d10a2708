import asyncio
from signal import SIGKILL, SIGTERM

import pytest
from lightkube.models.core_v1 import ExecAction, LifecycleHandler, SleepAction
from unit.lab.kubelet.fakes import FakeProcess, container
from weighbridge_lab.kubelet import lifecycle
from weighbridge_lab.kubelet.checks import Checks
from weighbridge_lab.kubelet.container import Ran
from weighbridge_lab.kubelet.lifecycle import Grace, end, run_hook


@pytest.fixture(autouse=True)
def _short_least(monkeypatch):
    monkeypatch.setattr(lifecycle, "_LEAST_S", 0.01)


async def nothing():
    return None


async def ended(*arguments, **options):
    async with asyncio.timeout(5):
        return await end(*arguments, **options)


async def test_a_process_that_obeys_is_not_killed():
    process = FakeProcess()
    assert await ended(process, nothing, Grace(60)) == 143
    assert process.signals == [SIGTERM]


async def test_a_process_that_does_not_obey_is_killed_when_its_grace_is_over():
    process = FakeProcess(stubborn=True)
    assert await ended(process, nothing, Grace(0.01)) == 137
    assert process.signals == [SIGTERM, SIGKILL]


async def test_the_signal_waits_for_the_hook():
    process, hook = FakeProcess(), asyncio.Event()
    ending = asyncio.create_task(end(process, hook.wait, Grace(60)))
    await asyncio.sleep(0.01)
    assert process.signals == []
    hook.set()
    async with asyncio.timeout(5):
        await ending
    assert process.signals == [SIGTERM]


async def test_a_hook_that_eats_the_grace_leaves_time_for_the_signal():
    process = FakeProcess()
    assert await ended(process, asyncio.Event().wait, Grace(0.01)) == 143
    assert process.signals == [SIGTERM]


async def test_no_grace_means_no_hook():
    ran = []

    async def hook():
        ran.append(True)

    await ended(FakeProcess(), hook, Grace(0))
    assert ran == []


async def test_a_sidecar_waits_for_its_turn():
    process, turn = FakeProcess(), asyncio.Event()
    ending = asyncio.create_task(end(process, nothing, Grace(60), turn.wait))
    await asyncio.sleep(0.01)
    assert process.signals == []
    turn.set()
    async with asyncio.timeout(5):
        await ending
    assert process.signals == [SIGTERM]


async def test_a_turn_that_does_not_come_ends_with_the_grace():
    process = FakeProcess()
    await ended(process, nothing, Grace(0.01), asyncio.Event().wait)
    assert process.signals == [SIGTERM]


async def test_a_process_that_ends_by_itself_needs_no_more():
    process = FakeProcess(stubborn=True)
    ending = asyncio.create_task(end(process, asyncio.Event().wait, Grace(60)))
    process.end(5)
    async with asyncio.timeout(5):
        assert await ending == 5


async def test_grace_can_be_shortened_but_not_lengthened():
    grace = Grace(60)
    grace.shorten(0.01)
    grace.shorten(60)
    async with asyncio.timeout(5):
        await grace.over()
    assert grace.is_over


@pytest.mark.parametrize(
    ("handler", "complaint"),
    [
        (None, None),
        (LifecycleHandler(sleep=SleepAction(seconds=0)), None),
        (LifecycleHandler(exec=ExecAction(command=["bad"])), "exit code 1: no"),
        (LifecycleHandler(), "this kubelet knows no such hook: {}"),
    ],
)
async def test_a_hook_says_what_went_wrong(handler, complaint):
    checks = Checks(container(), "127.0.0.1", FakeProcess(answers=[Ran(1, "no")]))
    assert await run_hook(handler, checks) == complaint

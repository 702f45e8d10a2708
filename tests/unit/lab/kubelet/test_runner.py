import asyncio
from signal import SIGKILL, SIGTERM
from typing import ClassVar

import pytest
from lightkube.models.core_v1 import ExecAction
from unit.lab.kubelet.fakes import FakeProcess, container, probe, until
from weighbridge_lab.kubelet.container import Ran
from weighbridge_lab.kubelet.errors import ConfigError, ImageError
from weighbridge_lab.kubelet.lifecycle import Grace
from weighbridge_lab.kubelet.runner import Runner
from weighbridge_lab.kubelet.states import BackOff, Running, Terminated, Waiting

ASK = ExecAction(command=["ask"])
GOOD, BAD = Ran(0, ""), Ran(1, "")


class Bench:
    """A runner on its own, and the processes that it starts."""

    def __init__(self, monkeypatch, *, policy="Always", processes=(), faults=(), **fields):
        monkeypatch.setattr("weighbridge_lab.kubelet.runner._RETRY_S", 0.001)
        monkeypatch.setattr("weighbridge_lab.kubelet.lifecycle._LEAST_S", 0.01)
        self.history = []
        self.processes = []
        self._prepared = list(processes)
        self._faults = list(faults)
        one = container(**fields)
        # Probes go by the millisecond here; see `probe`.
        for name, asked in self.probes.items():
            setattr(one, name, asked)
        self.runner = Runner(
            one,
            title="llm/pod/main",
            policy=policy,
            address="127.0.0.1",
            start=self.start,
            on_change=lambda: self.history.append(self.runner.state),
            back_off=BackOff(0.001, 0.004),
            grace_s=0.01,
        )
        self.task = asyncio.create_task(self.runner.run())

    probes: ClassVar[dict] = {}

    async def start(self, _container):
        if self._faults:
            raise self._faults.pop(0)
        process = self._prepared.pop(0) if self._prepared else FakeProcess()
        self.processes.append(process)
        return process

    async def process(self, number=1):
        await until(lambda: len(self.processes) >= number)
        await until(lambda: isinstance(self.runner.state.now, Running))
        return self.processes[-1]

    @property
    def state(self):
        return self.runner.state


@pytest.fixture
async def bench(monkeypatch):
    made = []

    def make(**options):
        probes = {name: options.pop(name) for name in list(options) if name.endswith("Probe")}
        kind = type("Bench", (Bench,), {"probes": probes})
        made.append(kind(monkeypatch, **options))
        return made[-1]

    yield make
    for one in made:
        async with asyncio.timeout(5):
            await one.runner.stop(Grace(0.01))
            await one.task


async def test_without_probes_running_means_started_and_ready(bench):
    one = bench()
    await one.process()
    await until(lambda: one.state.ready)
    assert one.state.started


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
async def test_the_policy_says_whether_it_is_started_again(bench, policy, code, again):
    one = bench(policy=policy)
    (await one.process()).end(code)
    if again:
        await one.process(2)
        assert one.state.restarts == 1
        assert one.state.before.code == code
    else:
        async with asyncio.timeout(5):
            await one.task
        assert one.state.now.code == code
        assert one.state.restarts == 0


@pytest.mark.parametrize(
    ("failures", "pause"), [(1, 0), (2, 1), (3, 2), (4, 4), (6, 16), (7, 30), (2000, 30)]
)
def test_pauses_double_up_to_the_longest(failures, pause):
    assert BackOff(1, 30).pause(failures) == pause


async def test_what_keeps_failing_is_said_to_back_off(bench):
    one = bench(processes=[])
    for number in range(1, 4):
        (await one.process(number)).end(7)
    await one.process(4)
    waits = [state.now for state in one.history if isinstance(state.now, Waiting)]
    assert "CrashLoopBackOff" in {wait.reason for wait in waits}
    assert any("restarting failed container main" in wait.message for wait in waits)


async def test_what_cannot_start_says_why_and_tries_again(bench):
    one = bench(faults=[ConfigError("no map"), ImageError("no image"), ImageError("no image")])
    await one.process()
    said = [(state.now.reason, state.now.message) for state in one.history[:3]]
    assert said == [
        ("CreateContainerConfigError", "no map"),
        ("ErrImagePull", "no image"),
        ("ImagePullBackOff", "no image"),
    ]


async def test_readiness_follows_its_probe(bench):
    process = FakeProcess(answers=[BAD, GOOD, BAD])
    one = bench(processes=[process], readinessProbe=probe(exec=ASK, failureThreshold=1))
    await one.process()
    await until(lambda: [s.ready for s in one.history].count(True) >= 2)
    ready = [state.ready for state in one.history if state.started]
    assert ready[:4] == [False, True, False, True]


async def test_nothing_is_asked_before_the_startup_probe_has_succeeded(bench):
    process = FakeProcess(answers=[BAD, BAD, GOOD])
    one = bench(
        processes=[process],
        startupProbe=probe(exec=ExecAction(command=["startup"]), failureThreshold=5),
        readinessProbe=probe(exec=ExecAction(command=["readiness"])),
    )
    await one.process()
    await until(lambda: one.state.ready)
    assert process.commands[:4] == [["startup"]] * 3 + [["readiness"]]


@pytest.mark.parametrize("kind", ["livenessProbe", "startupProbe"])
async def test_a_failing_probe_ends_the_container_and_the_policy_restarts_it(bench, kind):
    process = FakeProcess(answers=[BAD, BAD, BAD])
    one = bench(processes=[process], **{kind: probe(exec=ASK)})
    await one.process(2)
    assert process.signals == [SIGTERM]
    assert one.state.before.code == 143


async def test_a_post_start_hook_that_fails_ends_the_container(bench):
    process = FakeProcess(answers=[BAD])
    one = bench(processes=[process], lifecycle={"postStart": {"exec": {"command": ["hook"]}}})
    await one.process(2)
    assert process.commands == [["hook"]]
    assert process.signals == [SIGTERM]


async def test_the_pre_stop_hook_comes_before_the_signal(bench):
    process = FakeProcess()
    one = bench(processes=[process], lifecycle={"preStop": {"exec": {"command": ["hook"]}}})
    await one.process()
    async with asyncio.timeout(5):
        await one.runner.stop(Grace(60))
    assert process.commands == [["hook"]]
    assert process.signals == [SIGTERM]


async def test_a_stop_is_final_whatever_the_policy(bench):
    one = bench(policy="Always")
    await one.process()
    async with asyncio.timeout(5):
        await one.runner.stop(Grace(60))
    assert isinstance(one.state.now, Terminated)
    assert len(one.processes) == 1


async def test_a_stop_during_the_start_ends_what_was_about_to_run(bench, monkeypatch):
    may_start = asyncio.Event()
    start = Bench.start

    async def slow(self, asked):
        await may_start.wait()
        return await start(self, asked)

    monkeypatch.setattr(Bench, "start", slow)
    one = bench()
    stopping = asyncio.create_task(one.runner.stop(Grace(60)))
    await asyncio.sleep(0)
    may_start.set()
    async with asyncio.timeout(5):
        await stopping
    assert one.processes[0].signals == [SIGTERM]


async def test_a_stop_ends_the_back_off(bench):
    one = bench()
    one.runner._back_off = BackOff(600, 600)
    for number in (1, 2):
        (await one.process(number)).end(1)
    await until(lambda: getattr(one.state.now, "reason", "") == "CrashLoopBackOff")
    async with asyncio.timeout(5):
        await one.runner.stop(Grace(60))
    assert len(one.processes) == 2


async def test_ending_takes_readiness_away(bench):
    one = bench(policy="Never")
    process = await one.process()
    await until(lambda: one.state.ready)
    process.end(0)
    async with asyncio.timeout(5):
        await one.task
    assert not one.state.ready
    assert not one.state.started


async def test_a_runner_that_is_cancelled_leaves_no_process(bench):
    one = bench()
    process = await one.process()
    one.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one.task
    assert process.signals == [SIGKILL]
    one.task = asyncio.create_task(asyncio.sleep(0))

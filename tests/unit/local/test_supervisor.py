import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from weighbridge.errors import LocalError
from weighbridge.local.child import ChildSpec, OnExit
from weighbridge.local.probes import FileProbe
from weighbridge.local.supervisor import Supervisor

TOUCH_AND_WAIT = """
import pathlib, sys, time
print("hello from", sys.argv[1], flush=True)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + TOUCH_AND_WAIT
PARENT = "import subprocess; subprocess.Popen(['sleep', '61'])\n"
SOON_GONE = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch(); sys.exit(3)"


@pytest.fixture
def said():
    return []


@pytest.fixture
async def supervisor(tmp_path, said):
    async with Supervisor(tmp_path / "run", said.append) as supervisor:
        yield supervisor


def spec(folder, name, code=TOUCH_AND_WAIT, **fields):
    ready = folder / f"{name}.ready"
    fields = {"ready": FileProbe(ready), "stop_timeout_s": 0.5, **fields}
    return ChildSpec(name=name, argv=(sys.executable, "-c", code, str(ready)), **fields)


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_child_is_ready_when_started_and_writes_its_log(supervisor, tmp_path):
    await supervisor.start(spec(tmp_path, "one"))
    assert (tmp_path / "one.ready").exists()
    assert (tmp_path / "run" / "one.log").read_text().startswith("hello from")
    assert alive(supervisor.pids()["one"])


async def test_children_stop_in_reverse_order(tmp_path, said):
    order = []
    async with Supervisor(tmp_path / "run", said.append) as supervisor:
        for name in ("first", "second", "third"):
            await supervisor.start(spec(tmp_path, name))
        for child in supervisor._children.values():
            _note_stop(child, order)
    assert order == ["third", "second", "first"]
    assert not any(alive(pid) for pid in supervisor.pids().values())
    assert said == []


def _note_stop(child, order):
    stop = child.stop

    async def noted(timeout_s):
        order.append(child.spec.name)
        await stop(timeout_s)

    child.stop = noted


async def test_child_that_ignores_sigterm_is_killed(tmp_path, said):
    async with Supervisor(tmp_path / "run", said.append) as supervisor:
        await supervisor.start(spec(tmp_path, "stubborn", STUBBORN))
        pid = supervisor.pids()["stubborn"]
    assert not alive(pid)


async def test_stopped_child_is_killed(tmp_path, said):
    async with Supervisor(tmp_path / "run", said.append) as supervisor:
        await supervisor.start(spec(tmp_path, "asleep"))
        pid = supervisor.pids()["asleep"]
        os.kill(pid, signal.SIGSTOP)
    assert not alive(pid)


async def test_second_request_to_stop_waits_for_nobody(tmp_path, said):
    async with Supervisor(tmp_path / "run", said.append) as supervisor:
        await supervisor.start(spec(tmp_path, "stubborn", STUBBORN, stop_timeout_s=60))
        supervisor.request_stop()
        supervisor.request_stop()
        assert await supervisor.until_ended() == 0
        started = time.monotonic()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("end", ["stop", "crash"])
async def test_grandchildren_go_with_their_parent(tmp_path, said, end):
    async with Supervisor(tmp_path / "run", said.append) as supervisor:
        await supervisor.start(spec(tmp_path, "parent", PARENT + TOUCH_AND_WAIT))
        pid = supervisor.pids()["parent"]
        (grandchild,) = psutil.Process(pid).children()
        if end == "crash":
            os.kill(pid, signal.SIGKILL)
            await until(lambda: said)
            await until(lambda: not alive(grandchild.pid))
    await until(lambda: not alive(grandchild.pid))


async def test_crashed_child_is_restarted_with_growing_patience(supervisor, tmp_path, said):
    changes = []
    supervisor._changed = lambda: changes.append(supervisor.pids())
    await supervisor.start(spec(tmp_path, "router", on_exit=OnExit.RESTART))
    first = supervisor.pids()["router"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: "router is ready again" in said)
    assert said[0] == "router was killed by SIGKILL; it is started again in 0.2 s"
    second = supervisor.pids()["router"]
    assert second != first
    assert changes == [{"router": second}]
    os.kill(second, signal.SIGKILL)
    await until(lambda: len(said) == 4)
    assert said[2].endswith("it is started again in 0.4 s")


async def test_child_that_does_not_come_back_is_tried_again(supervisor, tmp_path, said):
    flag = tmp_path / "router.ready"
    child = spec(tmp_path, "router", on_exit=OnExit.RESTART, ready_timeout_s=0.3)
    await supervisor.start(child)
    await until(flag.exists)
    broken = ChildSpec(
        name="router",
        argv=child.argv,
        ready=FileProbe(tmp_path / "never"),
        on_exit=OnExit.RESTART,
        ready_timeout_s=0.3,
    )
    supervisor._children["router"].spec = broken
    os.kill(supervisor.pids()["router"], signal.SIGKILL)
    await until(lambda: sum("was not ready within 0.3 s" in line for line in said) >= 2)


async def test_crash_is_reported_and_the_rest_goes_on(supervisor, tmp_path, said):
    await supervisor.start(spec(tmp_path, "rest"))
    await supervisor.start(spec(tmp_path, "pool", SOON_GONE))
    await until(lambda: said)
    assert said[0].startswith("pool ended with status 3; the rest goes on")
    assert alive(supervisor.pids()["rest"])


async def test_end_of_the_essential_child_ends_the_run(supervisor, tmp_path, said):
    await supervisor.start(spec(tmp_path, "envoy", SOON_GONE, on_exit=OnExit.STOP_ALL))
    assert await asyncio.wait_for(supervisor.until_ended(), 10) == 1
    assert "nothing works without it" in said[0]


async def test_child_that_ends_before_it_is_ready_shows_its_log(supervisor, tmp_path):
    code = "import sys; print('no such thing'); sys.exit(2)"
    with pytest.raises(LocalError, match=r"(?s)one ended with status 2 before.*no such thing"):
        await supervisor.start(spec(tmp_path, "one", code))


async def test_child_that_is_never_ready_is_an_error(supervisor, tmp_path):
    slow = spec(tmp_path, "one", ready=FileProbe(tmp_path / "never"), ready_timeout_s=0.3)
    with pytest.raises(LocalError, match=r"one was not ready within 0\.3 s"):
        await supervisor.start(slow)


async def test_command_that_is_not_there_is_an_error(supervisor, tmp_path):
    missing = ChildSpec(name="one", argv=("no-such-command",), ready=FileProbe(tmp_path / "never"))
    with pytest.raises(LocalError, match="one ended with status 1"):
        await supervisor.start(missing)


SUPERVISING = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_supervisor import spec, PARENT, TOUCH_AND_WAIT
from weighbridge.local.supervisor import Supervisor

async def main(folder):
    async with Supervisor(folder / "run", print) as supervisor:
        await supervisor.start(spec(folder, "plain"))
        await supervisor.start(spec(folder, "parent", PARENT + TOUCH_AND_WAIT))
        (folder / "pids").write_text(" ".join(map(str, supervisor.pids().values())))
        await asyncio.sleep(60)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_nobody_outlives_a_killed_supervisor(tmp_path):
    here = str(Path(__file__).parent)
    with subprocess.Popen([sys.executable, "-c", SUPERVISING, tmp_path, here]) as supervising:
        pids = tmp_path / "pids"
        asyncio.run(until(lambda: pids.exists() and pids.read_text(), 20))
        family = psutil.Process(supervising.pid).children(recursive=True)
        assert {int(pid) for pid in pids.read_text().split()} < {each.pid for each in family}
        supervising.kill()
        asyncio.run(until(lambda: not any(alive(each.pid) for each in family)))


def test_leash_does_not_start_what_has_lost_its_parent(tmp_path):
    leash = Path(sys.modules["weighbridge.local.child"].__file__).with_name("leash.py")
    flag = tmp_path / "flag"
    ran = subprocess.run([sys.executable, leash, "1", "touch", flag], check=False)
    assert ran.returncode == 1
    assert not flag.exists()

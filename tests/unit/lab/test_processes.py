import sys

import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.processes import Running, Spec

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(99)
"""


def spec(code, **fields):
    return Spec(**{"name": "it", "argv": [sys.executable, "-c", code], **fields})


async def started(tmp_path, code, **fields):
    return await Running.start(spec(code, **fields), tmp_path, {})


async def test_process_that_ends_before_it_is_ready_is_told_with_the_end_of_its_log(tmp_path):
    code = "print('no such flag'); raise SystemExit(3)"
    running = await started(tmp_path, code, ready_url="http://127.0.0.1:1/")
    with pytest.raises(LabError, match=r"(?s)it ended with 3.*no such flag"):
        await running.until_ready()


async def test_process_that_is_not_ready_in_time_is_told(tmp_path):
    code = "import time; time.sleep(99)"
    running = await started(tmp_path, code, ready_url="http://127.0.0.1:1/", ready_timeout_s=0.2)
    with pytest.raises(LabError, match="it was not ready after 0 s"):
        await running.until_ready()
    await running.stop()


async def test_process_that_ends_by_itself_is_told(tmp_path):
    running = await started(tmp_path, "raise SystemExit('cannot go on')")
    assert "cannot go on" in str(await running.until_ended())


async def test_process_that_does_not_listen_is_killed(tmp_path):
    running = await started(tmp_path, STUBBORN, stop_timeout_s=0.2)
    while not running.log.read_text():  # until it ignores the signal
        pass
    await running.stop()
    assert "ended with -9" in str(await running.until_ended())


async def test_process_that_has_ended_can_be_stopped(tmp_path):
    running = await started(tmp_path, "pass")
    await running.until_ended()
    await running.stop()

"""The process as a whole: what it prints and writes, how it ends."""

import asyncio
import signal
import socket
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest
from weighbridge_simulator import server
from weighbridge_simulator.failures import Failures
from weighbridge_simulator.server import Simulator
from weighbridge_simulator.settings import Settings


@asynccontextmanager
async def process(*flags):
    """A simulator in a process of its own, once it has said where it serves."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "weighbridge_simulator", "--port", "0", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        line = (await asyncio.wait_for(child.stdout.readline(), 20)).decode().strip()
        yield child, line, line.rpartition(" ")[2]
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_the_process_says_where_it_serves_and_when_it_is_ready(tmp_path):
    ready = tmp_path / "ready"
    flags = ("--served-model-name", "gemma", "--served-model-name", "auto")
    delay = ("--startup-seconds", "0.5", "--ready-file", str(ready))
    async with process(*flags, *delay) as (_, line, url), aiohttp.ClientSession(url) as session:
        assert line == f"weighbridge-simulator serves gemma, auto at {url}"
        async with session.get("/health") as response:
            assert response.status == (200 if ready.exists() else 503)
        async with asyncio.timeout(10):
            while not ready.exists():  # noqa: ASYNC110  # what users' scripts do
                await asyncio.sleep(0.01)
        assert ready.read_text() == url.removeprefix("http://")
        async with session.get("/health") as response:
            assert response.status == 200


async def test_sigterm_lets_a_running_answer_end():
    flags = ("--ttft-ms", "200", "--itl-ms", "50", "--drain-seconds", "20")
    async with process(*flags) as (child, _, url), aiohttp.ClientSession(url) as session:
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
        asked = body | {"stream": True, "ignore_eos": True}
        async with session.post("/v1/chat/completions", json=asked) as response:
            child.send_signal(signal.SIGTERM)
            lines = (await response.text()).split("\n\n")
        assert "data: [DONE]" in lines
        assert await asyncio.wait_for(child.wait(), 10) == 0


async def test_sigterm_waits_no_longer_than_the_drain_time():
    flags = ("--itl-ms", "60000", "--drain-seconds", "0.2")
    async with process(*flags) as (child, _, url), aiohttp.ClientSession(url) as session:
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        async with session.post("/v1/chat/completions", json=body | {"max_tokens": 10}) as response:
            child.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(child.wait(), 10) == 0
            with pytest.raises(aiohttp.ClientError):
                await response.read()


async def test_a_crash_ends_the_process_with_status_1():
    async with process("--crash-after-seconds", "0.1") as (child, _, _url):
        assert await asyncio.wait_for(child.wait(), 10) == 1
        assert b"crash_after_seconds" in await child.stderr.read()


async def test_a_crash_can_be_called_off_at_run_time(start, monkeypatch):
    crashes = []
    monkeypatch.setattr(server, "_crash", lambda: crashes.append("crash"))
    client = await start()
    await client.put_failures(crash_after_seconds=0.1)
    await client.put_failures()
    await asyncio.sleep(0.2)
    assert not crashes
    await client.put_failures(crash_after_seconds=0.1)
    await asyncio.sleep(0.3)
    assert crashes


async def test_a_port_in_use_is_said_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "weighbridge_simulator", "--port", port),
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaint = await child.communicate()
    assert child.returncode == 1
    assert complaint.startswith(b"weighbridge-simulator can't start: ")
    assert b"Traceback" not in complaint


async def test_a_slow_start_from_the_command_line_delays_readiness():
    settings = Settings(port=0, failures=Failures(slow_start_seconds=60.0))
    async with Simulator(settings) as simulator:
        assert not simulator.readiness.is_ready

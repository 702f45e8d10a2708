import asyncio
import subprocess
import sys

import pytest
from aiohttp.test_utils import TestServer
from unit.lab.bad_server import application
from weighbridge_lab.errors import LabError
from weighbridge_lab.ledger import Ledger
from weighbridge_lab.traffic import Traffic


@pytest.fixture
async def server():
    async with TestServer(application()) as server:
        yield server


def url(server, manner="good"):
    return str(server.make_url(f"/{manner}"))


def command(*options):
    return [sys.executable, "-m", "weighbridge_lab.traffic", *options]


async def test_traffic_runs_while_the_block_does(server):
    async with Traffic(url(server), rate=100) as traffic:
        await asyncio.to_thread(traffic.until_answered, 20)
        with pytest.raises(LabError, match="when the traffic has ended"):
            _ = traffic.ledger
    ledger = traffic.ledger
    assert len(ledger.records) >= 20
    assert ledger.failed() == [], ledger.summary()
    assert ledger.by_tier() == {"small": len(ledger.records)}


async def test_failures_are_in_the_ledger_and_raise_nothing(server):
    async with Traffic(url(server, "503"), rate=100) as traffic:
        with pytest.raises(LabError, match="expected 1 answers within 1 s, came 0"):
            await asyncio.to_thread(traffic.until_answered, 1, 1.0)
    assert traffic.ledger.by_status() == {"503": len(traffic.ledger.retriable())}
    assert traffic.ledger.retriable()


async def test_open_requests_are_abandoned_after_their_grace(server):
    async with Traffic(url(server, "hang"), rate=20, grace_s=0.1) as traffic:
        await asyncio.sleep(0)
    assert set(traffic.ledger.by_status()) == {"abandoned"}


def test_process_that_can_not_start_says_why():
    with pytest.raises(LabError, match="ended by itself") as raised, Traffic("http://x", rate=0):
        pass
    assert "rate" in str(raised.value)


async def test_process_writes_its_ledger_and_sums_it_up(server, tmp_path):
    options = ("--url", url(server, "503"), "--rate", "50", "--seconds", "0.2")
    process = await asyncio.create_subprocess_exec(
        *command(*options, "--json", str(tmp_path / "out")), stderr=subprocess.PIPE
    )
    _, words = await process.communicate()
    assert process.returncode == 1
    assert Ledger.read(tmp_path / "out").by_status() == {"503": 10}
    assert b"10 failed: 10 retriable, 0 lost, 0 cut" in words


def test_process_whose_reader_is_gone_ends_by_itself():
    options = command("--url", "http://127.0.0.1:1", "--rate", "10", "--counting")
    process = subprocess.Popen(options, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.wait(30) is not None
    finally:
        process.kill()

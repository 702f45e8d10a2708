"""The programs that the chart's exec probes run, against a real router."""

import asyncio
import sys

import pytest
from contract.tree import REPOSITORY
from stream.peer import NOT_SERVING, connect

FILES = REPOSITORY / "router" / "chart" / "files"


async def _probe(program, argument):
    """Exit status of a probe."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(FILES / program), argument),
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


@pytest.fixture
def arguments(folder, free_port):
    """What each program is told, for a router of `listen`."""
    return {"probe_socket.py": str(folder / "s"), "probe_metrics.py": str(free_port)}


@pytest.fixture
def listen(free_port):
    return {"metrics_address": f"127.0.0.1:{free_port}", "drain_delay_s": 3}


@pytest.mark.parametrize("program", ["probe_socket.py", "probe_metrics.py"])
async def test_a_probe_says_yes_while_the_router_serves_and_no_while_it_drains(
    program, arguments, configure, start, folder, listen
):
    served = start(configure(listen=listen))
    async with connect(f"unix:{folder / 's'}") as peer, peer.watch() as changed:
        await peer.until_serving()
        assert await _probe(program, arguments[program]) == 0

        served.terminate()
        while await changed() != NOT_SERVING:
            pass
        assert await _probe(program, arguments[program]) == 1


@pytest.mark.parametrize("program", ["probe_socket.py", "probe_metrics.py"])
async def test_a_probe_says_no_where_there_is_no_router(program, arguments):
    assert await _probe(program, arguments[program]) != 0

"""`weighbridge serve` with capture: off, on, on and off again; and where a prompt can be found."""

import asyncio
import json
import os
import resource
import urllib.request

import pytest
from stream.peer import WAIT_S, BodySendMode, body, connect, headers
from typer.testing import CliRunner
from unit.bodies import EASY, HARD, chat
from weighbridge.cli import app

CANARY = "the canary sings at dawn"
RELOADING = {"interval_s": 0.05}


@pytest.fixture
def target(folder):
    return f"unix:{folder / 's'}"


@pytest.fixture
def kept(folder):
    return folder / "kept"


@pytest.fixture
def metrics(free_port):
    """The router's metrics as Prometheus would read them."""

    async def scrape():
        def fetch():
            url = f"http://127.0.0.1:{free_port}/metrics"
            with urllib.request.urlopen(url, timeout=WAIT_S) as response:
                return response.read().decode()

        return await asyncio.to_thread(fetch)

    return scrape


def counted(scraped, result):
    name = f'weighbridge_capture_total{{result="{result}"}} '
    (line,) = [line for line in scraped.splitlines() if line.startswith(name)]
    return float(line.removeprefix(name))


def with_canary(folder):
    """Names of the files below a folder that hold the canary, and of all that were read."""
    found, read = set(), set()
    for path in folder.rglob("*"):
        if path.is_file():
            read.add(path.name)
            if CANARY.encode() in path.read_bytes():
                found.add(path.relative_to(folder).as_posix())
    return found, read


async def decide_all(peer):
    """The canary on each way through the router: weighed, failed, refused, and streamed."""
    await peer.decide(chat(f"{CANARY}. {HARD}"))
    await peer.decide(chat(CANARY, EASY), x_weighbridge_prefer=CANARY)
    await peer.decide(b"broken: " + CANARY.encode())
    await peer.decide(chat(EASY, model=CANARY, user=CANARY))
    broken = peer.call()
    await broken.send(CANARY.encode())
    await broken.status()
    streamed = peer.call()
    await streamed.send(headers(BodySendMode.FULL_DUPLEX_STREAMED))
    await streamed.send(body(chat(f"{CANARY}. {EASY}")))
    await streamed.rest()


@pytest.mark.parametrize("on", [False, True])
async def test_a_prompt_is_found_in_the_capture_folder_or_nowhere(
    configure, start, folder, target, kept, metrics, free_port, on
):
    served = start(
        configure(
            listen={"metrics_address": f"127.0.0.1:{free_port}"},
            log={"level": "debug"},
            **({"capture": {"folder": str(kept), "sample": 1}} if on else {}),
        )
    )
    async with connect(target) as peer:
        await peer.until_serving()
        await decide_all(peer)
        scraped = await metrics()
    served.terminate()
    assert await served.left() == 0

    found, read = with_canary(folder)
    assert "out-0" in read
    assert len([line for line in served.lines() if line["event"] == "decision"]) == 5
    assert CANARY not in scraped
    assert CANARY.encode() not in served.process.stderr.read()
    if on:
        (name,) = found
        lines = [json.loads(line) for line in (folder / name).read_bytes().splitlines()]
        assert (name.partition("/")[0], len(lines)) == ("kept", 4)
    else:
        assert found == set()
        assert not kept.exists()


async def test_capture_is_switched_on_and_off_by_the_file_while_it_serves(serving, configure, kept):
    def rewrite(**capture):
        configure(reload=RELOADING, capture={"folder": str(kept), **capture})

    async with serving(reload=RELOADING) as (router, peer):

        def value(name, **labels):
            return router.metrics.registry.get_sample_value(f"weighbridge_{name}", labels)

        async def reach(number, name, **labels):
            while value(name, **labels) != number:
                await peer.health()

        async def generation(number):
            await asyncio.wait_for(reach(number, "generation"), WAIT_S)

        async def captured(number):
            await asyncio.wait_for(reach(number, "capture_total", result="kept"), WAIT_S)

        await peer.decide(chat("before"))
        rewrite(sample=1)
        await generation(2)
        await peer.decide(chat("during"))
        await captured(1)
        rewrite(sample=0)
        await generation(3)
        await peer.decide(chat("paused"))
        rewrite(sample=1)
        await generation(4)
        await peer.decide(chat("again"))
        await captured(2)
        configure(reload=RELOADING)
        await generation(5)
        await peer.decide(chat("after"))

    lines = [line for path in kept.iterdir() for line in path.read_bytes().splitlines()]
    assert [json.loads(line) for line in lines] == [{"prompt": "during"}, {"prompt": "again"}]


async def test_a_folder_that_can_not_be_used_stops_the_start_with_a_message(
    configure, start, folder
):
    (folder / "open").mkdir(mode=0o755)
    served = start(configure(capture={"folder": str(folder / "open")}))

    assert await served.left() == 1
    error = served.process.stderr.read().decode()
    assert f"weighbridge: capture.folder: {folder / 'open'}: expected a folder that only" in error
    assert "Traceback" not in error


async def test_a_folder_that_can_not_be_used_is_refused_on_reload_and_the_router_serves_on(
    serving, configure
):
    async with serving(reload=RELOADING) as (router, peer):
        value = router.metrics.registry.get_sample_value
        configure(reload=RELOADING, capture={"folder": "/proc/no/such"})

        async def refused():
            while not value("weighbridge_reloads_total", {"result": "refused"}):
                assert (await peer.decide(chat(EASY)))["tier"] == "small"

        await asyncio.wait_for(refused(), WAIT_S)
        assert value("weighbridge_generation") == 1


async def test_a_full_disk_costs_prompts_and_no_request(
    configure, start, target, kept, metrics, free_port
):
    served = start(
        configure(
            listen={"metrics_address": f"127.0.0.1:{free_port}"},
            log={"decision_sample": 0},
            capture={"folder": str(kept), "sample": 1},
        )
    )
    most = 16_384
    async with connect(target) as peer:
        await peer.until_serving()
        limits = resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (most, limits[1]))
        asked = 0

        async def until_refused():
            nonlocal asked
            while not counted(await metrics(), "unwritten"):
                assert (await peer.decide(chat(f"{asked} {'x' * 3000}")))["tier"] == "small"
                asked += 1

        await asyncio.wait_for(until_refused(), WAIT_S)
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, limits)
        await peer.decide(chat("room again"))
    served.terminate()
    assert await served.left() == 0

    (path,) = kept.iterdir()
    *before, last = [json.loads(line)["prompt"] for line in path.read_bytes().splitlines()]
    assert last == "room again"
    numbers = [int(text.partition(" ")[0]) for text in before]
    assert numbers[:2] == [0, 1]
    assert numbers == sorted(set(numbers))
    assert len(numbers) < asked
    told = [line for line in served.lines() if line.get("logger") == "weighbridge.capture"]
    assert [os.strerror(27) in line["message"] for line in told] == [True]


async def test_what_was_captured_is_what_learn_collects(serving, kept, folder):
    asks = [EASY, HARD, f"{EASY} ", f"Write to a@b.example: {CANARY}"]
    async with serving(capture={"folder": str(kept), "sample": 1}) as (_, peer):
        for ask in asks:
            await peer.decide(chat(ask))

    out = folder / "prompts.jsonl"
    result = CliRunner().invoke(app, ["learn", "collect", str(kept), "--out", str(out)])

    assert result.exit_code == 0, result.output
    prompts = [json.loads(line)["prompt"] for line in out.read_bytes().splitlines()]
    assert prompts == [EASY, HARD, f"Write to [email]: {CANARY}"]
    assert out.stat().st_mode & 0o777 == 0o600

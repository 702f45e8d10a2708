"""`weighbridge serve` as a process: it drains, reloads, logs and is measured."""

import asyncio
import fcntl
import json
import os
import socket
import subprocess
import urllib.request

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families
from stream.peer import NOT_SERVING, SERVING, WAIT_S, body, connect, headers
from unit.bodies import EASY, HARD, chat
from weighbridge.contract import Metric
from weighbridge.server import Router

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
SECRET = "my diagnosis is a rare disease"


@pytest.fixture
def target(folder):
    return f"unix:{folder / 's'}"


async def test_on_sigterm_streams_in_flight_end_well_and_the_process_leaves_with_0(
    configure, start, target
):
    served = start(configure())
    async with connect(target) as peer, peer.watch() as changed:
        while await changed() != SERVING:
            pass
        in_flight = peer.call()
        assert (await in_flight.ask(headers())).kind == "request_headers"

        served.terminate()

        assert await changed() == NOT_SERVING
        assert (await in_flight.ask(body(chat(HARD)))).decision["tier"] == "large"
        assert await in_flight.receive() is None
    assert await served.left() == 0
    own = [line for line in served.lines() if line.get("logger", "").startswith("weighbridge.")]
    assert [line["message"] for line in own][-2:] == ["draining", "stopped"]
    assert served.process.stderr.read() == b""


async def test_a_stream_that_does_not_end_is_cut_when_the_bound_is_reached(
    configure, start, target
):
    served = start(configure(listen={"drain_timeout_s": 0.2}))
    async with connect(target) as peer:
        await peer.until_serving()
        hanging = peer.call()
        await hanging.ask(headers())

        served.terminate()

        assert await hanging.status() in {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
    assert await served.left() == 0


async def test_streams_that_are_cut_in_great_number_leave_no_task_behind(configure, target):
    router = Router(configure(listen={"drain_timeout_s": 0.1}))
    task = asyncio.create_task(router.run())
    async with connect(target) as peer:
        await peer.until_serving()
        hanging = [peer.call() for _ in range(100)]
        await asyncio.gather(*(call.ask(headers()) for call in hanging))

        router._stopping.set()
        await task

        assert "rpc_task" not in {one.get_name() for one in asyncio.all_tasks()}


async def test_before_the_drain_new_streams_are_still_taken(configure, target):
    router = Router(configure(listen={"drain_delay_s": 3600}))
    task = asyncio.create_task(router.run())
    async with connect(target) as peer, peer.watch() as changed:
        while await changed() != SERVING:
            pass

        router._stopping.set()

        assert await changed() == NOT_SERVING
        assert (await peer.decide(chat(EASY)))["tier"] == "small"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_sigint_drains_as_sigterm_does(configure, start, target):
    served = start(configure())
    async with connect(target) as peer:
        await peer.until_serving()

    served.process.send_signal(2)

    assert await served.left() == 0


@pytest.mark.parametrize("where", ["address", "metrics_address"])
async def test_a_port_that_is_taken_is_a_message_and_exit_status_1(configure, start, where):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        served = start(configure(listen={where: address}))

        assert await served.left() == 1

    error = served.process.stderr.read().decode()
    assert f"weighbridge: listen.{where}: can't listen on {address}" in error
    assert "Traceback" not in error


async def test_two_routers_do_not_share_a_port_in_silence(configure, start, free_port, target):
    first = start(configure(listen={"address": f"127.0.0.1:{free_port}"}))
    async with connect(target) as peer:
        await peer.until_serving()
        second = start(configure(listen={"address": f"127.0.0.1:{free_port}", "unix_socket": None}))
        assert await second.left() == 1
        assert await peer.health() == SERVING
    first.terminate()
    assert await first.left() == 0


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"policy": {"threshold": 7}}, "policy.threshold"),
        ({"classifier": {"artifact": "/nowhere"}}, "/nowhere/artifact.json: can't be read"),
    ],
)
async def test_a_router_that_can_not_start_says_why_and_leaves_with_1(
    configure, start, folder, sections, message
):
    served = start(configure(**sections))

    assert await served.left() == 1
    error = served.process.stderr.read().decode()
    assert message in error
    assert "Traceback" not in error
    assert not (folder / "s").exists()


async def test_each_decision_is_a_line_with_its_trace_and_never_a_prompt(configure, start, target):
    served = start(configure(log={"hash_key": "swordfish"}))
    async with connect(target) as peer:
        await peer.until_serving()
        decisions = [
            await peer.decide(chat(f"{SECRET}. {HARD}"), traceparent=TRACEPARENT),
            await peer.decide(chat(HARD, SECRET)),
            await peer.decide(b"broken: " + SECRET.encode()),
        ]
        broken = peer.call()
        await broken.send(SECRET.encode())
        await broken.status()
    served.terminate()
    assert await served.left() == 0

    written = served.output.read_text(encoding="utf-8")
    assert SECRET not in written
    assert "swordfish" not in written
    lines = [line for line in served.lines() if line["event"] == "decision"]
    assert [line["tier"] for line in lines] == [decision["tier"] for decision in decisions]
    assert [line["reason"] for line in lines] == ["score", "sticky", "unparsed"]
    assert [line["trace_id"] for line in lines] == [TRACE_ID, "", ""]
    assert f"{lines[0]['score']:.3f}" == decisions[0]["score"]
    assert len({line["ask_hash"] for line in lines}) == 3


async def test_a_changed_file_changes_decisions_without_a_restart(configure, start, target):
    served = start(configure(reload={"interval_s": 0.05}))
    async with connect(target) as peer:
        await peer.until_serving()
        assert (await peer.decide(chat(EASY)))["tier"] == "small"

        configure(reload={"interval_s": 0.05}, policy={"threshold": 0.0})

        async def decided_large():
            while (await peer.decide(chat(EASY)))["tier"] != "large":
                pass

        await asyncio.wait_for(decided_large(), WAIT_S)
    served.terminate()
    assert await served.left() == 0
    announced = [line for line in served.lines() if line.get("message") == "generation in service"]
    assert [(line["generation"], line["threshold"]) for line in announced] == [(1, 0.5), (2, 0.0)]


async def test_a_faulty_file_changes_nothing_and_is_told(serving, configure):
    async with serving(reload={"interval_s": 0.01}) as (router, peer):
        configure(reload={"interval_s": 0.01}, policy={"threshold": 7})
        value = router.metrics.registry.get_sample_value

        async def refused():
            while not value("weighbridge_reloads_total", {"result": "refused"}):
                assert (await peer.decide(chat(EASY)))["tier"] == "small"

        await asyncio.wait_for(refused(), WAIT_S)
        assert (await peer.decide(chat(HARD)))["tier"] == "large"
        assert value("weighbridge_generation") == 1


async def test_prometheus_reads_what_happened(serving, free_port):
    async with serving(listen={"metrics_address": f"127.0.0.1:{free_port}"}) as (_, peer):
        await peer.decide(chat(HARD))
        await peer.decide(b"broken")

        def scrape():
            url = f"http://127.0.0.1:{free_port}/metrics"
            with urllib.request.urlopen(url, timeout=WAIT_S) as response:
                return response.read().decode()

        text = await asyncio.to_thread(scrape)

    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["weighbridge_decisions_total", "large", "score", "weighed"] == 1
    assert samples["weighbridge_decisions_total", "failed", "large", "unparsed"] == 1
    assert samples["weighbridge_failures_total", "unparsed"] == 1
    assert samples["weighbridge_ready",] == 1
    assert samples["weighbridge_generation",] == 1
    assert samples["weighbridge_decision_seconds_bucket", "+Inf"] == 2
    for metric in Metric:
        assert f"# HELP {metric}" in text


async def test_the_gauge_of_readiness_falls_with_the_health(serving):
    async with serving() as (router, _):
        assert router.metrics.registry.get_sample_value("weighbridge_ready") == 1

    assert router.metrics.registry.get_sample_value("weighbridge_ready") == 0


async def garbage(peer):
    """One stream that the router refuses, with a line in its log."""
    call = peer.call()
    await call.send(b"\xff\xff")
    await call.status()


async def test_a_log_whose_reader_stalls_stalls_no_decision(configure, start, target):
    served = start(configure(listen={"drain_timeout_s": 0.1}), stdout=subprocess.PIPE)
    fcntl.fcntl(served.process.stdout, fcntl.F_SETPIPE_SZ, 4096)

    async def use():
        async with connect(target) as peer:
            await peer.until_serving()
            for _ in range(60):
                await garbage(peer)
                assert (await peer.decide(chat(EASY)))["tier"] == "small"

    await asyncio.wait_for(use(), 10)
    served.terminate()
    assert await served.left(10) == 0


async def test_a_log_whose_reader_is_gone_stops_nothing(configure, start, target):
    read_end, write_end = os.pipe()
    served = start(configure(), stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    async with connect(target) as peer:
        await peer.until_serving()
        for _ in range(3):
            await garbage(peer)
            assert (await peer.decide(chat(EASY)))["tier"] == "small"
    served.terminate()

    assert await served.left() == 0


async def test_the_settings_of_the_environment_count(configure, start, target, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_POLICY__THRESHOLD", "0")
    monkeypatch.setenv("WEIGHBRIDGE_PORT", "tcp://10.0.0.1:9002")
    served = start(configure(policy={"threshold": 1}))
    async with connect(target) as peer:
        await peer.until_serving()
        assert (await peer.decide(chat(EASY)))["tier"] == "large"
    served.terminate()
    assert await served.left() == 0
    assert json.loads(served.output.read_bytes().splitlines()[0])["event"] == "log"

"""The load generator against a server of a few lines in the same process."""

import asyncio

import pytest
from unit.bench.fakes import result
from unit.bench.http_server import serving
from weighbridge.bench.load import Job, LoadGenerator
from weighbridge.bench.load_worker import Load
from weighbridge.errors import LocalError
from weighbridge.local.ports import free_ports

WEIGHED = (
    b"HTTP/1.1 200 OK\r\nx-weighbridge-tier: small\r\nx-weighbridge-reason: score\r\n"
    b"content-length: 2\r\n\r\nok"
)
FAILED_OPEN = WEIGHED.replace(b"score", b"fail-open")


def server(answer, *, delay=0.0, hang_up_after=None):
    async def reply(writer, served):
        await asyncio.sleep(delay)
        if served == hang_up_after:
            return False
        writer.write(answer)
        return True

    return serving(reply)


def job(port, **changes):
    values = {"port": port, "case": "small", "connections": 2, "seconds": 0.1, **changes}
    return Job(**values)


async def test_a_closed_loop_keeps_every_connection_busy():
    async with server(WEIGHED, delay=0.01) as (port, seen):
        got = await Load(job(port, warmup_s=0.05)).run()

    assert got.faults() == []
    assert got.answered == len(seen) > got.measured > 10
    assert got.latencies.p50_ms >= 10


async def test_every_request_has_a_serial_number_of_its_own():
    async with server(WEIGHED) as (port, seen):
        await Load(job(port)).run()

    assert len(set(seen)) == len(seen) > 20


async def test_a_number_of_requests_is_met_exactly():
    async with server(WEIGHED) as (port, seen):
        got = await Load(job(port, seconds=0.0, requests=50)).run()

    assert got.answered == got.measured == len(seen) == 50
    assert got.requests_per_s > 0


async def test_at_a_fixed_rate_waiting_for_a_connection_counts_as_latency():
    async with server(WEIGHED, delay=0.05) as (port, _):
        got = await Load(job(port, connections=1, seconds=0.4, rate=40.0)).run()

    # 20 a second are served, 40 are due: the last of those sent was due 0.2 s before.
    assert got.latencies.p50_ms < got.latencies.max_ms
    assert got.latencies.max_ms > 150


async def test_at_a_fixed_rate_what_could_not_be_sent_is_a_fault():
    async with server(WEIGHED, delay=0.05) as (port, _):
        got = await Load(job(port, connections=1, seconds=0.4, rate=40.0)).run()

    assert any("never sent" in fault for fault in got.faults())


async def test_at_a_rate_no_more_are_sent_than_are_due():
    async with server(WEIGHED) as (port, seen):
        got = await Load(job(port, seconds=0.3, rate=100.0)).run()

    assert got.faults() == []
    # Fewer, where the machine was elsewhere for a while.
    assert 10 < len(seen) <= 31


async def test_a_response_that_failed_open_is_never_a_measurement():
    async with server(FAILED_OPEN) as (port, _):
        got = await Load(job(port)).run()

    assert got.measured == 0
    assert got.failed_open == got.answered > 0
    assert any("failed open" in fault for fault in got.faults())


async def test_a_response_without_a_tier_is_never_a_measurement():
    async with server(FAILED_OPEN.replace(b"tier", b"else").replace(b"reason", b"other")) as (
        port,
        _,
    ):
        got = await Load(job(port)).run()

    assert got.measured == 0
    assert any("without a tier" in fault for fault in got.faults())


async def test_of_plain_envoy_the_catch_all_is_no_fault():
    async with server(FAILED_OPEN) as (port, _):
        got = await Load(job(port, weighed=False)).run()

    assert got.faults() == []
    assert got.measured > 0


async def test_connections_that_break_are_counted_and_opened_again():
    async with server(WEIGHED, hang_up_after=3) as (port, _):
        got = await Load(job(port, connections=1, seconds=0.35)).run()

    assert got.answered > 3
    assert any("connection lost" in fault for fault in got.faults())


async def test_an_answer_that_is_no_http_is_a_fault():
    async with server(b"garbage\r\n\r\n") as (port, _):
        got = await Load(job(port, connections=1)).run()

    assert any("expected HTTP/1.1" in fault for fault in got.faults())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"statuses": {200: 900, 413: 100}}, "100 responses with status 413"),
        ({"with_tier": 990}, "10 responses without a tier"),
        ({"failed_open": 1}, "1 requests failed open"),
        ({"errors": {"can't connect": 2}}, "2 requests: can't connect"),
        ({"measured": 0}, "no request was answered"),
    ],
)
def test_each_fault_is_said(changes, message):
    assert [fault for fault in result(**changes).faults() if message in fault]


async def test_the_process_of_the_generator_answers_jobs_one_after_the_other():
    async with server(WEIGHED) as (port, _), LoadGenerator() as generator:
        for _ in range(2):
            got = await generator.run(job(port, seconds=0.1))
            assert got.faults() == []

        with pytest.raises(LocalError, match="can't connect"):
            await generator.run(job(free_ports(1)[0], seconds=0.1))

"""The client of many streams against a server of a few lines."""

import asyncio

from unit.bench.http_server import serving
from weighbridge.bench.sse_client import SseJob, hold_streams
from weighbridge.local.ports import free_ports

HEAD = (
    b"HTTP/1.1 200 OK\r\nx-weighbridge-tier: small\r\nx-weighbridge-reason: score\r\n"
    b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
)


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


TOKENS = [chunk(b'data: {"n":%d}\n\n' % number) for number in range(3)]
DONE = [chunk(b"data: [DONE]\n\n"), b"0\r\n\r\n"]


def server(*pieces):
    async def reply(writer, _):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        return False

    return serving(reply)


def job(port, streams=5):
    return SseJob(port=port, streams=streams, per_second=100, tokens=3, most_seconds=2.0)


async def test_whole_streams_are_complete_and_their_gaps_measured():
    async with server(HEAD, *TOKENS, *DONE) as (port, bodies):
        got = await hold_streams(job(port))

    assert (got.complete, got.incomplete, got.errors) == (5, 0, {})
    assert len(set(bodies)) == 5
    assert b'"max_tokens":3' in bodies[0]
    assert got.gaps.p50_ms >= 15


async def test_a_stream_without_its_last_event_is_incomplete():
    async with server(HEAD, *TOKENS) as (port, _):
        got = await hold_streams(job(port))

    assert (got.complete, got.incomplete) == (0, 5)


async def test_a_stream_with_too_few_tokens_is_incomplete():
    async with server(HEAD, TOKENS[0], *DONE) as (port, _):
        got = await hold_streams(job(port))

    assert got.incomplete == 5


async def test_a_stream_that_failed_open_is_told():
    opened = HEAD.replace(b"score", b"fail-open")
    async with server(opened, *TOKENS, *DONE) as (port, _):
        got = await hold_streams(job(port))

    assert got.failed_open == 5


async def test_refusals_are_counted_by_status():
    refusal = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    async with server(refusal) as (port, _):
        got = await hold_streams(job(port))

    assert got.statuses == {503: 5}
    assert got.untold == 5


async def test_a_server_that_hangs_up_is_an_error():
    async with server() as (port, _):
        got = await hold_streams(job(port))

    assert sum(got.errors.values()) == 5


async def test_a_port_without_a_server_is_an_error_each():
    got = await hold_streams(job(free_ports(1)[0], streams=2))

    assert sum(got.errors.values()) == 2

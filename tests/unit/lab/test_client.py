import socket
from contextlib import asynccontextmanager

import pytest
from aiohttp.test_utils import TestServer
from unit.lab.bad_server import application
from weighbridge.contract import HEADER_TIER
from weighbridge_lab.client import MIX, Client, Target
from weighbridge_lab.ledger import Kind, Outcome


@pytest.fixture
async def server():
    async with TestServer(application()) as server:
        yield server


@asynccontextmanager
async def client(url, **options):
    client = Client(Target(url=url, **options))
    try:
        yield client
    finally:
        await client.close()


async def ask(server, manner, kind, **options):
    async with client(str(server.make_url(f"/{manner}")), **options) as asking:
        return await asking.ask(kind)


@pytest.mark.parametrize("kind", Kind)
async def test_good_answer_is_complete_whatever_was_asked(server, kind):
    record = await ask(server, "good", kind)
    assert (record.outcome, record.status, record.error) == (Outcome.COMPLETE, 200, None)
    assert (record.tier, record.reason) == ("small", "score")


@pytest.mark.parametrize(
    ("manner", "kind", "outcome", "result", "error"),
    [
        ("cut", Kind.EASY_STREAM, Outcome.CUT, "200 cut", "ClientPayloadError"),
        ("endless", Kind.HARD_STREAM, Outcome.CUT, "200 cut", None),
        ("short", Kind.HARD, Outcome.CUT, "200 cut", "ClientPayloadError"),
        ("short", Kind.MODELS, Outcome.CUT, "200 cut", "ClientPayloadError"),
        ("503", Kind.EASY_STREAM, Outcome.REFUSED, "503", None),
        ("429", Kind.EASY, Outcome.REFUSED, "429", None),
        ("302", Kind.EASY, Outcome.REFUSED, "302", None),
        ("drop", Kind.HARD, Outcome.UNANSWERED, None, "ServerDisconnectedError"),
    ],
)
async def test_what_goes_wrong_is_told_apart(server, manner, kind, outcome, result, error):
    record = await ask(server, manner, kind)
    assert (record.outcome, record.result) == (outcome, result or error)
    assert record.error == error


@pytest.mark.parametrize(
    ("manner", "code"), [("503", "code-503"), ("429", "code-429"), ("good", None), ("drop", None)]
)
async def test_code_of_an_error_is_kept(server, manner, code):
    assert (await ask(server, manner, Kind.EASY)).code == code


async def test_error_of_another_shape_has_no_code():
    from aiohttp import web

    async def refuse(_):
        return web.Response(status=503, text="upstream connect error")

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", refuse)
    async with TestServer(app) as server, client(str(server.make_url("/"))) as asking:
        record = await asking.ask(Kind.HARD)
    assert (record.result, record.code) == ("503", None)


async def test_document_in_place_of_a_stream_is_no_stream(server):
    """The models' list is JSON: a client that waits for events gets none of it."""
    async with client(str(server.make_url("/good"))) as asking:
        asking._bodies[Kind.EASY_STREAM] = asking._bodies[Kind.EASY]
        record = await asking.ask(Kind.EASY_STREAM)
    assert record.outcome is Outcome.CUT


async def test_answer_that_never_begins_is_unanswered_in_time(server):
    record = await ask(server, "hang", Kind.EASY, timeout_s=0.05)
    assert (record.outcome, record.status) == (Outcome.UNANSWERED, None)
    assert "Timeout" in record.error
    assert record.seconds >= 0.05


async def test_refused_connection_is_unanswered():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with client(f"http://127.0.0.1:{unused.getsockname()[1]}") as asking:
            record = await asking.ask(Kind.EASY)
    assert record.outcome is Outcome.UNANSWERED
    assert record.error == "ClientConnectorError"


@pytest.mark.parametrize("name", ["x-tenant", "host"])
async def test_headers_of_the_target_go_with_every_request(name):
    from aiohttp import web

    async def echo(request):
        return web.json_response({}, headers={HEADER_TIER: request.headers[name]})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", echo)
    async with (
        TestServer(app) as server,
        client(str(server.make_url("/")), headers={name: "large"}) as asking,
    ):
        tiers = [(await asking.ask(kind)).tier for kind in (Kind.EASY, Kind.MODELS)]
    assert tiers == ["large", "large"]


def test_mix_has_every_kind_and_streams_half():
    assert set(MIX) == set(Kind)
    assert sum(kind.endswith("stream") for kind in MIX) == len(MIX) / 2

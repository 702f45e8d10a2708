"""Where the router listens: TCP, Unix socket, TLS; and what it says where it can't."""

import asyncio
import socket
import stat

import grpc
import pytest
from stream.peer import NOT_SERVING, WAIT_S, connect, headers
from unit.bodies import EASY, HARD, chat
from weighbridge.errors import SettingsError
from weighbridge.server import Router


async def failing(config):
    """The message of a router that can't start."""
    with pytest.raises(SettingsError) as raised:
        await asyncio.wait_for(Router(config).run(), 10)
    return str(raised.value)


async def test_tcp_and_unix_socket_serve_at_the_same_time(serving, folder, free_port):
    async with serving(listen={"address": f"127.0.0.1:{free_port}"}) as (_, over_socket):
        assert stat.S_ISSOCK((folder / "s").stat().st_mode)
        async with connect(f"127.0.0.1:{free_port}") as over_tcp:
            assert await over_tcp.decide(chat(HARD)) == await over_socket.decide(chat(HARD))


async def test_the_socket_is_gone_after_the_router(serving, folder):
    async with serving():
        pass

    assert not (folder / "s").exists()


async def test_a_socket_that_a_killed_router_left_is_taken_over(serving, folder):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "s"))

    async with serving() as (_, peer):
        assert (await peer.decide(chat(EASY)))["tier"] == "small"


async def test_a_socket_that_somebody_listens_on_is_left_to_them(configure, folder):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "s"))
        other.listen()

        message = await failing(configure())

        assert message == f"listen.unix_socket: another process listens on {folder / 's'}"
        assert (folder / "s").exists()


async def test_a_file_that_is_no_socket_is_not_removed(configure, folder):
    (folder / "s").write_text("precious", encoding="utf-8")

    assert "exists and is no socket; name another" in await failing(configure())
    assert (folder / "s").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("where", ["address", "metrics_address"])
async def test_a_port_that_is_taken_is_a_clear_message(configure, where):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"

        message = await failing(configure(listen={where: address}))

    assert message.startswith(f"listen.{where}: can't listen on {address}: is another process")


@pytest.mark.parametrize(
    "address", ["9002", "localhost", ":9002", "localhost:", "localhost:http", "localhost:99999"]
)
@pytest.mark.parametrize("where", ["address", "metrics_address"])
async def test_an_address_that_is_none_is_a_clear_message(configure, where, address):
    message = await failing(configure(listen={where: address}))

    assert f"listen.{where}: " in message
    assert address in message


async def test_a_router_that_could_not_bind_its_metrics_leaves_no_socket(configure, folder):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        await failing(configure(listen={"metrics_address": address}))

    assert not (folder / "s").exists()


def tls(certificates, *, mutual=False):
    return {
        "certificate": str(certificates / "server.pem"),
        "private_key": str(certificates / "server.key"),
        **({"client_ca": str(certificates / "ca.pem")} if mutual else {}),
    }


def credentials(certificates, client=None, ca="ca"):
    pair = (
        [(certificates / f"{client}.{end}").read_bytes() for end in ("key", "pem")]
        if client
        else ()
    )
    return grpc.ssl_channel_credentials((certificates / f"{ca}.pem").read_bytes(), *pair)


@pytest.fixture
def over_tls(configure, free_port):
    """A router behind TLS, started and stopped around the block."""

    class OverTls:
        target = f"127.0.0.1:{free_port}"

        def __init__(self, certificates, *, mutual=False):
            listen = {
                "address": self.target,
                "unix_socket": None,
                "tls": tls(certificates, mutual=mutual),
            }
            self._router = Router(configure(listen=listen))

        async def __aenter__(self):
            self._task = asyncio.create_task(self._router.run())
            return self

        async def __aexit__(self, *_):
            self._router._stopping.set()
            await asyncio.wait_for(self._task, WAIT_S)

        def connect(self, with_credentials):
            return connect(self.target, with_credentials, "router.test")

    return OverTls


@pytest.mark.parametrize(("mutual", "client"), [(False, None), (True, "client")])
async def test_a_client_with_the_right_certificates_is_served(
    over_tls, certificates, mutual, client
):
    async with (
        over_tls(certificates, mutual=mutual) as server,
        server.connect(credentials(certificates, client)) as peer,
    ):
        await asyncio.wait_for(peer.until_serving(), WAIT_S)
        assert (await peer.decide(chat(HARD)))["tier"] == "large"


@pytest.mark.parametrize(
    ("mutual", "client", "ca"),
    [(True, None, "ca"), (True, "stranger", "ca"), (False, None, "stranger")],
    ids=["no certificate", "a certificate of nobody", "a server not trusted"],
)
async def test_a_client_without_them_gets_no_stream(over_tls, certificates, mutual, client, ca):
    right = credentials(certificates, "client" if mutual else None)
    async with over_tls(certificates, mutual=mutual) as server:
        async with server.connect(right) as known:
            await asyncio.wait_for(known.until_serving(), WAIT_S)
        async with server.connect(credentials(certificates, client, ca)) as peer:
            call = peer.call()
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call.ask(headers())
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_plain_text_to_a_tls_port_gets_no_stream(over_tls, certificates):
    async with over_tls(certificates) as server, connect(server.target) as peer:
        with pytest.raises(grpc.aio.AioRpcError):
            await peer.call().ask(headers())


async def test_a_certificate_that_is_missing_is_named(configure, certificates):
    missing = tls(certificates) | {"certificate": "/nowhere/server.pem"}

    message = await failing(configure(listen={"tls": missing}))

    assert message == "listen.tls: /nowhere/server.pem: No such file or directory"


async def test_a_certificate_that_is_none_is_a_clear_message(configure, certificates, folder):
    (folder / "junk.pem").write_text("junk", encoding="utf-8")
    junk = tls(certificates) | {"certificate": str(folder / "junk.pem")}

    assert (await failing(configure(listen={"tls": junk}))).startswith("listen.tls")


async def test_health_is_not_serving_while_the_artifact_is_loaded(configure, folder, monkeypatch):
    from threading import Event

    from weighbridge import server

    load, loading, may_load = server.Generations, Event(), Event()

    def slowly(*arguments):
        loading.set()
        assert may_load.wait(WAIT_S)
        return load(*arguments)

    monkeypatch.setattr(server, "Generations", slowly)
    router = Router(configure())
    task = asyncio.create_task(router.run())
    try:
        async with connect(f"unix:{folder / 's'}") as peer:
            await asyncio.to_thread(loading.wait, WAIT_S)
            assert await peer.health() == NOT_SERVING
            early = peer.call()
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await early.ask(headers())
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE

            may_load.set()
            await asyncio.wait_for(peer.until_serving(), WAIT_S)
            assert (await peer.decide(chat(EASY)))["tier"] == "small"
    finally:
        may_load.set()
        router._stopping.set()
        await asyncio.wait_for(task, WAIT_S)

import asyncio
import socket

import grpc
import pytest
from aiohttp import web
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from lightkube.models.core_v1 import (
    ExecAction,
    GRPCAction,
    HTTPGetAction,
    HTTPHeader,
    TCPSocketAction,
)
from unit.lab.kubelet.fakes import FakeProcess, container, probe
from weighbridge_lab.kubelet.checks import Checks
from weighbridge_lab.kubelet.container import Ran

HERE = "127.0.0.1"


def checks(process=None, **fields):
    return Checks(container(**fields), HERE, process or FakeProcess())


@pytest.fixture
async def server():
    """Answer with the status that the path names, or with the probe's header."""

    async def answer(request):
        if request.path == "/hang":
            await asyncio.Event().wait()
        if request.path == "/moved":
            raise web.HTTPFound("/503")
        good = request.headers.get("X-Probe", "yes") == "yes"
        return web.Response(status=int(request.path.strip("/") or 200) if good else 400)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HERE, 0)
    await site.start()
    yield site._server.sockets[0].getsockname()[1]
    await runner.cleanup()


@pytest.fixture
def closed_port():
    with socket.socket() as bound:
        bound.bind((HERE, 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize(
    ("path", "good"), [("/", True), ("/204", True), ("/404", False), ("/503", False)]
)
async def test_http_is_good_from_200_to_399(server, path, good):
    complaint = await checks().http(HTTPGetAction(port=server, path=path))
    assert (complaint is None) == good


async def test_a_redirect_is_followed_to_its_answer(server):
    complaint = await checks().http(HTTPGetAction(port=server, path="/moved"))
    assert complaint.endswith("answered 503")


async def test_headers_of_the_probe_are_sent(server):
    action = HTTPGetAction(port=server, httpHeaders=[HTTPHeader(name="X-Probe", value="no")])
    assert "answered 400" in await checks().http(action)


async def test_a_port_may_be_named(server):
    one = checks(ports=[{"name": "http", "containerPort": server}])
    assert await one.http(HTTPGetAction(port="http")) is None


async def test_a_name_that_no_port_has_is_a_complaint():
    said = await checks().probe(probe(tcpSocket=TCPSocketAction(port="http")))
    assert said == "container main has no port named http"


async def test_an_answer_that_does_not_come_in_time_is_none(server):
    action = HTTPGetAction(port=server, path="/hang")
    said = await checks().probe(probe(httpGet=action, timeoutSeconds=0.05))
    assert said == "no answer within 0.05 s"


async def test_tcp_is_good_when_a_connection_opens(server, closed_port):
    assert await checks().tcp(TCPSocketAction(port=server)) is None
    assert f"connecting to {HERE}:{closed_port}" in await checks().tcp(
        TCPSocketAction(port=closed_port)
    )


async def test_nothing_listening_is_a_complaint_of_every_kind(closed_port):
    one = checks()
    assert await one.http(HTTPGetAction(port=closed_port))
    assert "UNAVAILABLE" in await one.grpc(GRPCAction(port=closed_port))


@pytest.fixture
async def grpc_server():
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"{HERE}:0")
    await server.start()
    await servicer.set("live", health_pb2.HealthCheckResponse.SERVING)
    await servicer.set("dead", health_pb2.HealthCheckResponse.NOT_SERVING)
    yield port
    await server.stop(None)


@pytest.mark.parametrize(
    ("service", "complaint"),
    [(None, None), ("live", None), ("dead", "is 2"), ("unknown", "NOT_FOUND")],
)
async def test_grpc_is_good_when_its_service_serves(grpc_server, service, complaint):
    said = await checks().grpc(GRPCAction(port=grpc_server, service=service))
    assert (complaint is None) == (said is None)
    assert (complaint or "") in (said or "")


@pytest.mark.parametrize(
    ("ran", "complaint"), [(Ran(0, ""), None), (Ran(2, "no\n"), "exit code 2: no")]
)
async def test_a_command_is_good_when_it_exits_with_0(ran, complaint):
    process = FakeProcess(answers=[ran])
    said = await checks(process).probe(probe(exec=ExecAction(command=["look", "here"])))
    assert said == complaint
    assert process.commands == [["look", "here"]]

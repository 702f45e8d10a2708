"""One question to a container: an HTTP request, a TCP connection, a gRPC health check, a command.

Questions go from the node to the pod's address, as a kubelet sends them, so a network policy or a
proxy of a mesh meets them where it would. Hooks that are HTTP requests use the same code.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import aiohttp
import grpc
from grpc_health.v1 import health_pb2
from lightkube.models.core_v1 import (
    Container,
    ExecAction,
    GRPCAction,
    HTTPGetAction,
    Probe,
    TCPSocketAction,
)

from weighbridge_lab.kubelet.container import ContainerProcess
from weighbridge_lab.kubelet.errors import StartError

_HEADERS: Mapping[str, str] = {"User-Agent": "kube-probe/1.34", "Accept": "*/*"}
_GOOD = range(200, 400)
_HEALTH_METHOD = "/grpc.health.v1.Health/Check"


class Check(Protocol):
    """A question with an answer."""

    async def __call__(self) -> str | None:
        """Ask once; None: all is well; otherwise what is not."""
        ...


class Checks:
    """Asks one container.

    Args:
        container: its spec, for the names of its ports.
        address: its pod's.
        process: it, running.
    """

    def __init__(self, container: Container, address: str, process: ContainerProcess) -> None:
        self._container = container
        self._address = address
        self._process = process

    async def probe(self, probe: Probe) -> str | None:
        """Ask what a probe asks, within its time limit."""
        limit = probe.timeoutSeconds or 1
        try:
            async with asyncio.timeout(limit):
                return await self._ask(probe)
        except TimeoutError:
            return f"no answer within {limit} s"

    async def http(self, action: HTTPGetAction) -> str | None:
        """Send a GET; good is any status from 200 to 399."""
        scheme = (action.scheme or "HTTP").lower()
        host = action.host or self._address
        url = f"{scheme}://{host}:{self.port(action.port)}/{(action.path or '/').lstrip('/')}"
        headers = {**_HEADERS, **{one.name: one.value for one in action.httpHeaders or []}}
        try:
            async with (
                aiohttp.ClientSession(trust_env=False) as session,
                # Whose certificate it is is not the kubelet's question.
                session.get(url, headers=headers, ssl=False) as answer,
            ):
                good = answer.status in _GOOD
                return None if good else f"GET {url} answered {answer.status}"
        except (aiohttp.ClientError, OSError) as error:
            return f"GET {url}: {error}"

    async def execute(self, action: ExecAction) -> str | None:
        """Run a command in the container; good is exit code 0."""
        try:
            ran = await self._process.execute(action.command or [])
        except (StartError, OSError) as error:
            return str(error)
        return None if ran.code == 0 else f"exit code {ran.code}: {ran.output.strip()}"

    async def tcp(self, action: TCPSocketAction) -> str | None:
        """Open a connection; good is one that opens."""
        host, port = action.host or self._address, self.port(action.port)
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            return f"connecting to {host}:{port}: {error}"
        writer.close()
        return None

    async def grpc(self, action: GRPCAction) -> str | None:
        """Ask the standard health service; good is SERVING."""
        target = f"{self._address}:{action.port}"
        # A connection of its own each time, and none by way of a proxy.
        options = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
        async with grpc.aio.insecure_channel(target, options=options) as channel:
            check = channel.unary_unary(
                _HEALTH_METHOD,
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            try:
                answer = await check(health_pb2.HealthCheckRequest(service=action.service or ""))
            except grpc.aio.AioRpcError as error:
                return f"health check of {target}: {error.code().name}: {error.details()}"
        serving = health_pb2.HealthCheckResponse.SERVING
        return None if answer.status == serving else f"health of {target} is {answer.status}"

    def port(self, port: int | str) -> int:
        """Give a port's number.

        Raises:
            LookupError: for a name that no port of the container has.
        """
        if isinstance(port, int):
            return port
        for one in self._container.ports or []:
            if one.name == port:
                return one.containerPort
        if port.isdigit():
            return int(port)
        raise LookupError(f"container {self._container.name} has no port named {port}")

    async def _ask(self, probe: Probe) -> str | None:
        try:
            if probe.httpGet:
                return await self.http(probe.httpGet)
            if probe.tcpSocket:
                return await self.tcp(probe.tcpSocket)
            if probe.grpc:
                return await self.grpc(probe.grpc)
            return await self.execute(probe.exec or ExecAction())
        except LookupError as error:
            return str(error)

"""Envoy's side of ext_proc, spoken with betterproto2's messages.

The router encodes with upb; a peer that decoded with upb too would share its mistakes.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import betterproto2
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

with warnings.catch_warnings():
    # envoy-data-plane declares its validators in a way that pydantic has since deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from envoy_data_plane.envoy.config.core.v3 import HeaderMap, HeaderValue
    from envoy_data_plane.envoy.extensions.filters.http.ext_proc.v3 import (
        ProcessingModeBodySendMode as BodySendMode,
    )
    from envoy_data_plane.envoy.service.ext_proc.v3 import (
        HttpBody,
        HttpHeaders,
        HttpTrailers,
        ProcessingRequest,
        ProcessingResponse,
        ProtocolConfiguration,
    )

__all__ = ["BodySendMode", "Call", "HttpTrailers", "Peer", "body", "headers", "trailers"]

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
WAIT_S = 30.0
"""Most seconds for anything awaited here: reached only where something hangs."""

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


def headers(
    mode: BodySendMode = BodySendMode.BUFFERED,
    *,
    end: bool = False,
    path: str = "/v1/chat/completions",
    **more: str,
) -> ProcessingRequest:
    pairs = {":method": "POST", ":path": path, **{k.replace("_", "-"): v for k, v in more.items()}}
    values = [HeaderValue(key=key, raw_value=value.encode()) for key, value in pairs.items()]
    return ProcessingRequest(
        request_headers=HttpHeaders(headers=HeaderMap(headers=values), end_of_stream=end),
        protocol_config=ProtocolConfiguration(request_body_mode=mode),
    )


def body(content: bytes, *, end: bool = True) -> ProcessingRequest:
    return ProcessingRequest(request_body=HttpBody(body=content, end_of_stream=end))


def trailers() -> ProcessingRequest:
    return ProcessingRequest(request_trailers=HttpTrailers())


class Answer:
    """One of the router's messages."""

    def __init__(self, message: ProcessingResponse) -> None:
        self.kind, self._value = betterproto2.which_one_of(message, "response")

    @property
    def _common(self) -> Any:
        return getattr(self._value, "response", None)

    @property
    def decision(self) -> dict[str, str] | None:
        """The decision's headers without their prefix; None if the answer sets no header."""
        mutation = self._common.header_mutation if self._common else None
        if mutation is None or not mutation.set_headers:
            return None
        assert self._common.clear_route_cache
        return {
            option.header.key.removeprefix("x-weighbridge-"): option.header.raw_value.decode()
            for option in mutation.set_headers
        }

    @property
    def chunk(self) -> Any:
        """The part of a streamed body that is handed back; None if there is none."""
        mutation = self._common.body_mutation if self._common else None
        return mutation.streamed_response if mutation else None


class Call:
    """One stream to the router."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def send(self, message: ProcessingRequest | bytes) -> None:
        await asyncio.wait_for(self._call.write(message), WAIT_S)

    async def receive(self) -> Answer | None:
        """The next answer; None where the router has ended the stream."""
        message = await asyncio.wait_for(self._call.read(), WAIT_S)
        return None if message is grpc.aio.EOF else Answer(message)

    async def ask(self, message: ProcessingRequest | bytes) -> Answer | None:
        await self.send(message)
        return await self.receive()

    async def rest(self) -> list[Answer]:
        """All answers up to the end of the stream."""
        answers = []
        while (answer := await self.receive()) is not None:
            answers.append(answer)
        return answers

    async def status(self) -> grpc.StatusCode:
        return await asyncio.wait_for(self._call.code(), WAIT_S)

    async def details(self) -> str:
        return await asyncio.wait_for(self._call.details(), WAIT_S)

    def hang_up(self) -> None:
        self._call.cancel()


class Peer:
    """A connection to the router."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._open = channel.stream_stream(
            METHOD,
            request_serializer=bytes,
            response_deserializer=ProcessingResponse.FromString,
        )
        self._health = health_pb2_grpc.HealthStub(channel)

    def call(self) -> Call:
        return Call(self._open())

    async def decide(self, content: bytes, **head: Any) -> dict[str, str]:
        """The decision on one buffered request."""
        call = self.call()
        first = await call.ask(headers(**head))
        assert first is not None
        assert (first.kind, first.decision) == ("request_headers", None)
        second = await call.ask(body(content))
        assert second is not None
        assert second.kind == "request_body"
        assert await call.receive() is None
        assert await call.status() is grpc.StatusCode.OK
        assert second.decision is not None
        return second.decision

    async def health(self) -> int:
        request = health_pb2.HealthCheckRequest()
        answer = await self._health.Check(request, wait_for_ready=True, timeout=WAIT_S)
        return int(answer.status)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Any]:
        """A call that gives the next change of health each time that it is awaited."""
        call = self._health.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)

        async def changed() -> int:
            return int((await asyncio.wait_for(call.read(), WAIT_S)).status)

        yield changed
        call.cancel()

    async def until_serving(self) -> None:
        async with self.watch() as changed:
            while await changed() != SERVING:
                pass


@asynccontextmanager
async def connect(
    target: str, credentials: grpc.ChannelCredentials | None = None, name: str | None = None
) -> AsyncIterator[Peer]:
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.min_reconnect_backoff_ms", 50),
        ("grpc.max_reconnect_backoff_ms", 200),
        *([("grpc.ssl_target_name_override", name)] if name else []),
    ]
    channel = (
        grpc.aio.insecure_channel(target, options)
        if credentials is None
        else grpc.aio.secure_channel(target, credentials, options)
    )
    async with channel:
        yield Peer(channel)

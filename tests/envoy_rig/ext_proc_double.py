"""A router that misbehaves on purpose, or answers by a marker in the body.

Modes: ``normal`` (body holds "HARD": large, else small), ``slow`` (each answer late by a second),
``garbage`` (bytes that are no message), ``hang`` (never answers), ``meddling`` (sets headers that
are none of its business), ``immediate`` (answers 418 in the pool's stead), ``stranger`` (names a
tier that no route knows). What it was shown is kept at ``/seen`` on the second port.
"""

import asyncio
import json
import sys

import grpc
from aiohttp import web
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"


class Double:
    def __init__(self, mode):
        self.mode = mode
        self.seen = []

    async def process(self, _, context):
        while True:
            message = await context.read()
            if message is grpc.aio.EOF:
                return
            request = pb.ProcessingRequest.FromString(message)
            kind = request.WhichOneof("request")
            if kind == "request_headers":
                headers = request.request_headers.headers.headers
                self.seen.append([[header.key, _value(header)] for header in headers])
            await self._delay()
            answer, last = self._answer(request, kind)
            await context.write(answer)
            if last:
                return

    async def _delay(self):
        if self.mode == "hang":
            await asyncio.sleep(3600)
        if self.mode == "slow":
            await asyncio.sleep(1)

    def _answer(self, request, kind):
        if self.mode == "garbage":
            return b"\xff\xfe garbage", False
        if self.mode == "immediate":
            answer = pb.ProcessingResponse()
            answer.immediate_response.status.code = 418
            return answer.SerializeToString(), False
        if kind == "request_headers" and not request.request_headers.end_of_stream:
            return pb.ProcessingResponse(request_headers={}).SerializeToString(), False
        hard = b"HARD" in getattr(request, kind).body if kind == "request_body" else False
        common = self._decision("large" if hard else "small")
        answer = pb.ProcessingResponse()
        getattr(answer, kind).response.CopyFrom(common)
        return answer.SerializeToString(), True

    def _decision(self, tier):
        headers = {"x-weighbridge-tier": tier, "x-weighbridge-reason": "score"}
        if self.mode == "meddling":
            headers |= {"authorization": "stolen", ":path": "/elsewhere", "x-other": "1"}
        if self.mode == "stranger":
            headers["x-weighbridge-tier"] = "nowhere"
            headers["x-weighbridge-score"] = "0.123"
        return pb.CommonResponse(
            clear_route_cache=True,
            header_mutation=pb.HeaderMutation(
                set_headers=[
                    base_pb2.HeaderValueOption(
                        header=base_pb2.HeaderValue(key=key, raw_value=value.encode()),
                        append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
                    )
                    for key, value in headers.items()
                ]
            ),
        )


def _value(header):
    return header.raw_value.decode() or header.value


async def main(mode, port, control_port, host="127.0.0.1"):
    double = Double(mode)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20)])
    servicer = health.aio.HealthServicer()
    await servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    method = grpc.stream_stream_rpc_method_handler(double.process)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Process": method}),)
    )
    server.add_insecure_port(f"{host}:{port}")
    await server.start()
    app = web.Application()
    app.router.add_get("/seen", lambda _: _json(double.seen))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, host, control_port).start()
    await server.wait_for_termination()


async def _json(value):
    return web.Response(text=json.dumps(value), content_type="application/json")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))

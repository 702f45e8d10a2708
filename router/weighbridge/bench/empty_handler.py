"""The baseline: an ext_proc service as a tutorial writes it, which decides nothing.

grpc.aio on asyncio's own loop, protobuf objects, an async generator. What the router costs beyond
this is the router's; what this costs beyond plain Envoy is the price of asking Python at all.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from weighbridge.contract import HEADER_TIER
from weighbridge.health import EXT_PROC_SERVICE


class EmptyHandler(pb_grpc.ExternalProcessorServicer):  # type: ignore[misc]  # generated, untyped
    """Sends every request to the small tier."""

    async def Process(  # noqa: N802 - the name in the .proto file
        self, requests: AsyncIterator[pb.ProcessingRequest], _: Any
    ) -> AsyncIterator[pb.ProcessingResponse]:
        """Answer headers with nothing and the body with a tier."""
        async for request in requests:
            if request.HasField("request_headers"):
                yield pb.ProcessingResponse(request_headers=pb.HeadersResponse())
            else:
                yield pb.ProcessingResponse(request_body=pb.BodyResponse(response=_small()))


def _small() -> pb.CommonResponse:
    tier = base_pb2.HeaderValue(key=HEADER_TIER, raw_value=b"small")
    option = base_pb2.HeaderValueOption(
        header=tier, append_action=base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    )
    return pb.CommonResponse(
        clear_route_cache=True, header_mutation=pb.HeaderMutation(set_headers=[option])
    )


async def serve(port: int) -> None:
    """Serve on loopback until killed."""
    server = grpc.aio.server()
    pb_grpc.add_ExternalProcessorServicer_to_server(EmptyHandler(), server)
    # Envoy's cluster is the router's, health checks included.
    servicer = health.aio.HealthServicer()
    await servicer.set(EXT_PROC_SERVICE, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

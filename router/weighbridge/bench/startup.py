"""How long a router takes from its process's start to gRPC health SERVING, at Envoy's own door."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from weighbridge.bench.envoy import LOOPBACK
from weighbridge.errors import LocalError
from weighbridge.health import EXT_PROC_SERVICE
from weighbridge.local.ports import free_ports

ROUTER_COMMAND = (sys.executable, "-m", "weighbridge", "serve")
_POLL_S = 0.002
_MOST_S = 60.0


def router_environment(port: int, metrics_port: int) -> dict[str, str]:
    """Settings of the measured router: all defaults, but for where it listens."""
    return {
        "WEIGHBRIDGE_LISTEN__ADDRESS": f"{LOOPBACK}:{port}",
        "WEIGHBRIDGE_LISTEN__METRICS_ADDRESS": f"{LOOPBACK}:{metrics_port}",
        # Envoy is gone by the time the router is told to stop.
        "WEIGHBRIDGE_LISTEN__DRAIN_DELAY_S": "0",
    }


async def seconds_to_serving() -> float:
    """Start a router, wait until it serves, kill it.

    Returns:
        Seconds from before the process was made until SERVING was heard.

    Raises:
        LocalError: where it ends first, or takes a minute.
    """
    port, metrics_port = free_ports(2)
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *ROUTER_COMMAND,
        env=_merged(router_environment(port, metrics_port)),
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(_MOST_S):
            await _until_open(process, port)
            await _until_serving(port)
    except TimeoutError as error:
        raise LocalError(f"the router did not serve within {_MOST_S:g} s") from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return time.perf_counter() - started


async def _until_open(process: Process, port: int) -> None:
    while process.returncode is None:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.close()
            return
        await asyncio.sleep(_POLL_S)
    said = (await process.stderr.read()).decode(errors="replace") if process.stderr else ""
    raise LocalError(f"the router ended with status {process.returncode} at its start: {said}")


async def _until_serving(port: int) -> None:
    # Watch tells of a change at once, where asking again and again would add its own period.
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service=EXT_PROC_SERVICE)
        async for answer in health_pb2_grpc.HealthStub(channel).Watch(request):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


def _merged(variables: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **variables}

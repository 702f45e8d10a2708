"""Asks a router how many ext_proc streams it holds."""

import asyncio

from weighbridge.bench.envoy import LOOPBACK
from weighbridge.contract import Metric
from weighbridge.errors import LocalError


async def streams_in_flight(metrics_port: int) -> int:
    """Read the gauge.

    Raises:
        LocalError: where the metrics don't have it.
    """
    reader, writer = await asyncio.open_connection(LOOPBACK, metrics_port)
    try:
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        return read_gauge((await reader.read()).decode())
    finally:
        writer.close()


def read_gauge(exposition: str) -> int:
    """Find the gauge in the text that Prometheus would read.

    Raises:
        LocalError: where it is not there.
    """
    for line in exposition.splitlines():
        name, _, value = line.partition(" ")
        if name == Metric.STREAMS:
            return round(float(value))
    raise LocalError(f"expected {Metric.STREAMS} among the router's metrics")

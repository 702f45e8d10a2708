"""The life of the meter: bind, take receipts by gRPC, show counters to Prometheus, stop."""

import asyncio
import contextlib
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import start_http_server

from weighbridge.catalog import TIER_MODELS
from weighbridge.errors import SettingsError
from weighbridge.metering.ledger import Bounds, Ledger
from weighbridge.metering.otlp import EXPORT, receipts
from weighbridge.metering.prices import load_prices

_ACCEPTED = b""
"""ExportLogsServiceResponse without a word: all was taken."""

_LAST_EXPORTS_S = 2.0
"""Seconds that exports on their way get at the end."""


@dataclass(frozen=True, kw_only=True)
class MeterOptions:
    """What the command line says.

    Attributes:
        listen: host:port for receipts.
        metrics: host:port for Prometheus.
        models: model of the catalog by tier, for its prices.
        reference: tier against which savings are told.
        catalog: folder of models; None: the packaged one.
        bounds: of labels.
    """

    listen: str = "127.0.0.1:9003"
    metrics: str = "127.0.0.1:9091"
    models: dict[str, str] = field(default_factory=lambda: dict(TIER_MODELS))
    reference: str = "large"
    catalog: Path | None = None
    bounds: Bounds = field(default_factory=Bounds)


class Intake:
    """Takes exports; the one place where receipts that are none are caught.

    Args:
        ledger: where they are counted.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def export(self, message: bytes, context: Any) -> bytes:  # noqa: ARG002 - grpc's signature
        """Count the receipts of one export."""
        for receipt in receipts(message):
            if receipt is None:
                self._ledger.add_unreadable()
            else:
                self._ledger.add(receipt)
        return _ACCEPTED

    def handler(self) -> grpc.GenericRpcHandler:
        """Make what a gRPC server needs; messages stay bytes."""
        service, _, method = EXPORT.strip("/").partition("/")
        rpc = grpc.unary_unary_rpc_method_handler(self.export)
        return grpc.method_handlers_generic_handler(service, {method: rpc})


def run_meter(options: MeterOptions) -> None:
    """Run a meter until SIGTERM or SIGINT.

    Raises:
        SettingsError: for prices that can't be found, or an address that can't be listened on.
    """
    ledger = Ledger(load_prices(options.models, options.reference, options.catalog), options.bounds)
    uvloop.run(_serve(options, ledger))


async def _serve(options: MeterOptions, ledger: Ledger) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Intake(ledger).handler(),))
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    with contextlib.ExitStack() as stack:
        _bind(server, options.listen)
        _expose(ledger, options.metrics, stack)
        await server.start()
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        await stopping.wait()
        await servicer.enter_graceful_shutdown()
        await server.stop(_LAST_EXPORTS_S)


def _bind(server: grpc.aio.Server, address: str) -> None:
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise _taken("--listen", address, error) from error


def _expose(ledger: Ledger, address: str, stack: contextlib.ExitStack) -> None:
    host, _, port = address.rpartition(":")
    try:
        httpd, _ = start_http_server(int(port), addr=host.strip("[]"), registry=ledger.registry)
    except (OSError, ValueError, OverflowError) as error:
        raise _taken("--metrics", address, error) from error
    stack.callback(httpd.server_close)
    stack.callback(httpd.shutdown)


def _taken(option: str, address: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"{option}: expected host:port that is free, came {address!r}: is another process there? "
        f"Name another address. ({error})"
    )

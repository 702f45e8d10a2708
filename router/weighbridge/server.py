"""The grpc.aio life cycle: bind, load, serve, and on SIGTERM drain within a bound.

Draining: health says NOT_SERVING at once; for `drain_delay_s` streams are still taken, so that
Envoy's next health check or endpoint update finds out before a stream is refused; then no more are
taken and those in flight get `drain_timeout_s`.
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import grpc
import uvloop
from grpc_health.v1 import health_pb2_grpc
from prometheus_client import start_http_server

from weighbridge.capture import Capture
from weighbridge.errors import OverloadError, ProtocolError, SettingsError
from weighbridge.generation import Generations
from weighbridge.health import EXT_PROC_SERVICE, Health
from weighbridge.logs import DecisionLog, configure_logging
from weighbridge.metrics import Metrics
from weighbridge.refinement import Refiner
from weighbridge.settings import Listen, Settings, Tls, Tracing, load_settings
from weighbridge.stream import Exchange
from weighbridge.tracing import context as trace_context
from weighbridge.tracing.collector import Collector
from weighbridge.tracing.export import SpanExporter
from weighbridge.tracing.tracer import Tracer, resource
from weighbridge.weighing import Weighing

_log = logging.getLogger(__name__)
_MESSAGE_SLACK_BYTES = 1024 * 1024
"""Room for the headers beside a body of the greatest size."""


class ExtProc:
    """The service behind `envoy.service.ext_proc.v3.ExternalProcessor/Process`.

    Until `weighing` is set, and past `max_streams`, streams are refused and Envoy fails open.
    gRPC's own limit would count health checks too, and fail these under load.
    """

    def __init__(self, metrics: Metrics, max_streams: int) -> None:
        self._metrics = metrics
        self._max_streams = max_streams
        self._open = 0
        self.weighing: Weighing | None = None

    def handler(self) -> grpc.GenericRpcHandler:
        """A handler that takes and gives serialized messages."""
        method = grpc.stream_stream_rpc_method_handler(self._process)
        return grpc.method_handlers_generic_handler(EXT_PROC_SERVICE, {"Process": method})

    async def _process(self, _: Any, context: Any) -> None:
        if self.weighing is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the classifier is being loaded")
            return
        if self._open >= self._max_streams:
            self._metrics.record_failure(OverloadError.label)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "listen.max_streams are open")
            return
        exchange = Exchange(self.weighing, _caller(context) if self.weighing.tracer else "")
        self._open += 1
        self._metrics.streams.set(self._open)
        try:
            while not exchange.finished:
                message = await context.read()
                if message is grpc.aio.EOF:
                    return
                answers = exchange.answer(message)
                if exchange.pending:
                    answers = await exchange.refined()
                for answer in answers:
                    await context.write(answer)
        except ProtocolError as error:
            self._metrics.record_failure(error.label)
            _log.warning("stream refused: %s", error, extra={"fields": exchange.trace_fields()})
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            self._open -= 1
            self._metrics.streams.set(self._open)


class Router:
    """One router process: server, health, metrics endpoint and the watch over its files.

    Args:
        path: settings file; None: defaults and environment.
        artifact: folder of the classifier artifact; None: as the settings say.
        log: where decisions are written; None: standard output, with a random hash key.
    """

    def __init__(
        self, path: Path | None, artifact: Path | None = None, log: DecisionLog | None = None
    ) -> None:
        self._path = path
        self._artifact = artifact
        self._log = log or DecisionLog(None)
        self.metrics = Metrics()
        self.health = Health(self.metrics)
        self._capture = Capture(self.metrics.record_capture)
        self._refiner = Refiner(self.metrics.record_failure)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain.

        Raises:
            SettingsError: for settings that can't be used, an address that is taken included.
            ArtifactError: for an artifact that can't be used.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        settings = load_settings(self._path)
        extproc = ExtProc(self.metrics, settings.listen.max_streams)
        server = self._make_server(settings, extproc)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(_remove_socket, settings.listen.unix_socket)
            self._expose_metrics(settings.listen, stack)
            # Before the artifact is loaded: a probe that asks early hears NOT_SERVING.
            await self.health.say_not_serving()
            await server.start()
            stack.push_async_callback(server.stop, None)
            generations = await asyncio.to_thread(
                Generations, self._path, self._artifact, self.metrics, self._capture.prepare
            )
            self._log.start()
            stack.callback(self._log.close)
            stack.callback(self._capture.close)
            stack.callback(self._refiner.close)
            tracer = self._start_tracing(settings.tracing, stack)
            # What lives from here to the end need not be walked by each full collection.
            gc.freeze()
            extproc.weighing = Weighing(
                generations, self.metrics, self._log, self._capture, self._refiner, tracer
            )
            if not self._stopping.is_set():
                await self.health.say_serving()
                _log.info("serving", extra={"fields": {"listen": _addresses(settings.listen)}})
            await self._until_stopped(generations)
            await self._drain(server, settings.listen)

    def _make_server(self, settings: Settings, extproc: ExtProc) -> grpc.aio.Server:
        server = grpc.aio.server(options=_server_options(settings.limits.body_bytes))
        health_pb2_grpc.add_HealthServicer_to_server(self.health.servicer, server)
        server.add_generic_rpc_handlers((extproc.handler(),))
        _bind(server, settings.listen)
        return server

    def _expose_metrics(self, listen: Listen, stack: contextlib.AsyncExitStack) -> None:
        if listen.metrics_address is None:
            return
        host, _, port = listen.metrics_address.rpartition(":")
        try:
            httpd, _ = start_http_server(
                int(port), addr=host.strip("[]"), registry=self.metrics.registry
            )
        except OSError as error:
            raise _taken("listen.metrics_address", listen.metrics_address, error) from error
        stack.callback(httpd.server_close)
        stack.callback(httpd.shutdown)

    def _start_tracing(self, tracing: Tracing, stack: contextlib.AsyncExitStack) -> Tracer | None:
        if not tracing.enabled:
            return None
        exporter = SpanExporter(
            Collector(tracing.endpoint), resource(), tracing.queue, self.metrics.record_spans
        )
        exporter.start()
        stack.callback(exporter.close)
        return Tracer(tracing.sample, exporter.offer)

    async def _until_stopped(self, generations: Generations) -> None:
        watcher = asyncio.create_task(generations.watch())
        await self._stopping.wait()
        watcher.cancel()

    async def _drain(self, server: grpc.aio.Server, listen: Listen) -> None:
        await self.health.say_not_serving()
        _log.info("draining")
        await asyncio.sleep(listen.drain_delay_s)
        await server.stop(listen.drain_timeout_s)
        await _last_steps()
        _log.info("stopped")


def _caller(context: Any) -> str:
    """The traceparent of a gRPC call."""
    for key, value in context.invocation_metadata() or ():
        if key == trace_context.HEADER:
            return value if isinstance(value, str) else ""
    return ""


async def _last_steps() -> None:
    """Let the streams that grpc has cut take their last steps.

    `Server.stop` comes back before their tasks have ended, and grpc prints a traceback for each
    that the end of the event loop then cancels.
    """
    streams = [task for task in asyncio.all_tasks() if task.get_name() == "rpc_task"]
    if streams:
        await asyncio.wait(streams, timeout=_LAST_STEPS_S)


_LAST_STEPS_S = 1.0


def serve(path: Path | None, artifact: Path | None = None) -> None:
    """Run a router in this process until it is told to stop.

    Raises:
        SettingsError: for settings that can't be used, an address that is taken included.
        ArtifactError: for an artifact that can't be used.
    """
    _keep_freed_memory()
    settings = load_settings(path).log
    log = DecisionLog(settings.hash_key.get_secret_value() if settings.hash_key else None)
    configure_logging(settings.level, log)
    log.start()
    try:
        uvloop.run(Router(path, artifact, log).run())
    finally:
        log.close()


def _keep_freed_memory() -> None:
    """Tell glibc to keep the memory of large bodies instead of handing it back after each.

    A 3 MB body is copied several times on its way in; fetching fresh pages for every copy cost a
    quarter of the CPU time and a third of the throughput of such bodies. At most `_KEPT_BYTES` more
    stay resident.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # only glibc has it
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 64 * 1024 * 1024


def _server_options(body_bytes: int) -> list[tuple[str, int]]:
    most = body_bytes + _MESSAGE_SLACK_BYTES
    return [
        ("grpc.max_receive_message_length", most),
        ("grpc.max_send_message_length", most),
        # Two routers on one port would share its streams in silence.
        ("grpc.so_reuseport", 0),
    ]


def _bind(server: grpc.aio.Server, listen: Listen) -> None:
    credentials = _credentials(listen.tls) if listen.tls else None
    for where, address in _bindings(listen):
        try:
            if credentials is None:
                server.add_insecure_port(address)
            else:
                server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise _taken(where, address, error) from error


def _bindings(listen: Listen) -> list[tuple[str, str]]:
    bindings = []
    if listen.address is not None:
        bindings.append(("listen.address", listen.address))
    if listen.unix_socket is not None:
        _check_socket(listen.unix_socket)
        bindings.append(("listen.unix_socket", f"unix:{listen.unix_socket}"))
    return bindings


def _check_socket(path: Path) -> None:
    """Remove a socket that a killed router left behind; leave one that somebody listens on."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise SettingsError(f"listen.unix_socket: {path} exists and is no socket; name another")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise SettingsError(f"listen.unix_socket: another process listens on {path}")


def _remove_socket(path: Path | None) -> None:
    if path is not None:
        path.unlink(missing_ok=True)


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    try:
        pair = (tls.private_key.read_bytes(), tls.certificate.read_bytes())
        authority = tls.client_ca.read_bytes() if tls.client_ca else None
    except OSError as error:
        raise SettingsError(f"listen.tls: {error.filename}: {error.strerror}") from error
    for path, part, kind in (
        (tls.private_key, pair[0], b"PRIVATE KEY"),
        (tls.certificate, pair[1], b"CERTIFICATE"),
        (tls.client_ca, authority, b"CERTIFICATE"),
    ):
        if part is not None and b"-----BEGIN" not in part and kind not in part:
            raise SettingsError(f"listen.tls: {path}: expected PEM with a {kind.decode()}")
    return grpc.ssl_server_credentials(
        [pair], root_certificates=authority, require_client_auth=authority is not None
    )


def _taken(where: str, address: str, error: Exception) -> SettingsError:
    return SettingsError(
        f"{where}: can't listen on {address}: is another process there? "
        f"Name another address. ({error})"
    )


def _addresses(listen: Listen) -> str:
    return ", ".join(str(where) for where in (listen.address, listen.unix_socket) if where)

"""The life of a simulator: put together, bind, get ready, serve, drain, crash where asked to."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import uvloop
from aiohttp import web

from weighbridge_simulator.answers import Answerer, read_recorded
from weighbridge_simulator.api import InferenceApi, guard
from weighbridge_simulator.engine import Engine
from weighbridge_simulator.exposition import Exposition, HttpMetrics
from weighbridge_simulator.failures import FailurePlan, Failures
from weighbridge_simulator.inference import Pool
from weighbridge_simulator.metrics import Metrics
from weighbridge_simulator.probes import ProbeApi
from weighbridge_simulator.readiness import Readiness
from weighbridge_simulator.settings import Settings

_BACKLOG = 4096
"""Connections that may wait to be accepted: load tests open thousands at once."""


class Simulator:
    """One simulator on the running event loop; an asynchronous context manager.

    Args:
        settings: all of them.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = settings.port
        """The port; once started the real one, also where 0 was asked for."""
        self._loop = asyncio.get_running_loop()
        self.readiness = Readiness(settings.startup_seconds)
        self._plan = FailurePlan(settings.failures, settings.seed)
        self._crash: asyncio.TimerHandle | None = None
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            # Bodies are wanted as they came; see `decompress` in api.py.
            auto_decompress=False,
            # A client that hangs up frees its blocks at once.
            handler_cancellation=True,
            shutdown_timeout=settings.drain_seconds,
        )

    @property
    def address(self) -> str:
        """`host:port`, as clients reach it."""
        return f"{self.settings.host}:{self.port}"

    async def start(self) -> None:
        """Bind. Not to be confused with being ready, see `readiness`."""
        self._plan.watch(self._on_failures)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port, backlog=_BACKLOG)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Take no new requests, give the running ones `drain_seconds`, and close."""
        self.readiness.drain()
        if self._crash is not None:
            self._crash.cancel()
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def _application(self) -> web.Application:
        settings = self.settings
        metrics, http = Metrics(settings.max_model_len), HttpMetrics()
        engine = Engine(settings, metrics, self._plan)
        recorded = read_recorded(settings.answers) if settings.answers else {}
        answerer = Answerer(settings.seed, settings.output_tokens, recorded)
        pool = Pool(settings, engine, answerer, self._plan)
        exposition = Exposition(settings, metrics, http, engine)
        application = web.Application(
            middlewares=[guard(self._plan, http)], client_max_size=settings.body_limit_bytes
        )
        InferenceApi(settings, pool, self.readiness).add_routes(application.router)
        probes = ProbeApi(settings, self._plan, self.readiness, exposition)
        probes.add_routes(application.router)
        return application

    def _on_failures(self, failures: Failures) -> None:
        """Begin what takes effect by time, for failures newly in force."""
        if failures.slow_start_seconds:
            self.readiness.postpone(failures.slow_start_seconds)
        if self._crash is not None:
            self._crash.cancel()
            self._crash = None
        if failures.crash_after_seconds is not None:
            self._crash = self._loop.call_later(failures.crash_after_seconds, _crash)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    uvloop.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Simulator(settings) as simulator:
        names = ", ".join(settings.served_model_names)
        print(f"weighbridge-simulator serves {names} at http://{simulator.address}", flush=True)  # noqa: T201
        announcement = asyncio.create_task(_announce(simulator, settings.ready_file))
        await stopped.wait()
        announcement.cancel()


async def _announce(simulator: Simulator, ready_file: Path | None) -> None:
    await simulator.readiness.wait()
    if ready_file is not None:
        # Renamed into place: who polls for the file never reads half of it.
        draft = ready_file.with_name(f"{ready_file.name}.{os.getpid()}")
        draft.write_text(simulator.address)
        draft.rename(ready_file)


def _crash() -> None:
    sys.stderr.write("weighbridge-simulator crashes, as asked by crash_after_seconds\n")
    sys.stderr.flush()
    os._exit(1)

"""Many streaming answers at once, through Envoy, the router and simulated pools.

Do all arrive whole? And what does the router hold meanwhile? Its own stream ends with its decision,
so the answer should be: nothing.
"""

import asyncio
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
from weighbridge_mesh.bootstrap import bootstrap, to_yaml
from weighbridge_mesh.options import BootstrapOptions, Endpoint, Pool

from weighbridge.bench.envoy import LOOPBACK
from weighbridge.bench.machine import Machine, describe_machine
from weighbridge.bench.rig import envoy_spec, router_spec
from weighbridge.bench.sse_client import SseJob, SseOpen, SseResult
from weighbridge.bench.sse_report import Plateau, SseOptions, SseReport
from weighbridge.bench.streams_gauge import streams_in_flight
from weighbridge.errors import LocalError
from weighbridge.local.binaries import find_envoy
from weighbridge.local.child import ChildSpec, OnExit
from weighbridge.local.ports import free_ports
from weighbridge.local.probes import HttpProbe
from weighbridge.local.supervisor import Supervisor

_TIERS = ("small", "large")
_ROUTER = "router"
_SLACK_S = 60.0
_SPARE_FILES = 500
"""Listeners, health checks, logs and libraries."""


def run_sse(options: SseOptions, told: Callable[[str], None] = lambda _: None) -> SseReport:
    """Hold the streams open. Must be called in the main thread.

    Raises:
        LocalError: for what is missing on this machine, or breaks.
    """
    raise_file_limit(2 * options.streams + _SPARE_FILES)
    machine = describe_machine(find_envoy())
    return asyncio.run(_run(options, machine, told))


def raise_file_limit(needed: int) -> None:
    """Allow this process and its children `needed` open files each.

    Envoy needs most: a connection from the client and one to the pool for each stream.

    Raises:
        LocalError: where the hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise LocalError(
                f"Envoy needs {needed:,} open files, and this session may have {hard:,} "
                f"(ulimit -Hn): raise the limit, or take {(hard - _SPARE_FILES) // 2:,} streams"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


async def _run(options: SseOptions, machine: Machine, told: Callable[[str], None]) -> SseReport:
    told("starting Envoy, the router and two simulated pools")
    async with _rig(options) as (supervisor, said, port, metrics_port):
        ended = asyncio.create_task(supervisor.until_ended())
        watch = _Watch(supervisor, metrics_port)
        idle = watch.memory()
        job = SseJob(
            port=port,
            streams=options.streams,
            per_second=options.per_second,
            tokens=options.tokens,
            most_seconds=options.streams / options.per_second
            + options.tokens * options.itl_ms / 1000
            + _SLACK_S,
        )
        holding = asyncio.create_task(watch.hold(job, told))
        await asyncio.wait({holding, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not holding.done():
            holding.cancel()
            raise LocalError("the benchmark broke off: " + "; ".join(said))
        result, plateau = await holding
    return SseReport(
        machine=machine, options=options, result=result, plateau=plateau, rss_idle_bytes=idle
    )


class _Watch:
    """Looks at the processes while the client holds its streams."""

    def __init__(self, supervisor: Supervisor, metrics_port: int) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in supervisor.pids().items()}
        self._metrics_port = metrics_port

    def memory(self) -> dict[str, int]:
        """Resident bytes by process."""
        return {name: int(p.memory_info().rss) for name, p in self._processes.items()}

    async def hold(self, job: SseJob, told: Callable[[str], None]) -> tuple[SseResult, Plateau]:
        """Run the client; give its result and the fullest moment."""
        client = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "weighbridge.bench.sse_client"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert client.stdin is not None  # noqa: S101 - pipes were asked for
        assert client.stdout is not None  # noqa: S101
        self._processes["client"] = psutil.Process(client.pid)
        plateau = Plateau(-1, 0, {}, {})
        try:
            client.stdin.write(msgspec.json.encode(job) + b"\n")
            while line := await client.stdout.readline():
                heard = msgspec.json.decode(line, type=SseOpen | SseResult)
                if isinstance(heard, SseResult):
                    return heard, plateau
                told(f"{heard.streams:,} streams open")
                if heard.streams >= plateau.streams:
                    plateau = await self._look(heard.streams)
        finally:
            if client.returncode is None:
                client.kill()
            await client.wait()
        raise LocalError(f"the client of the streams ended with status {client.returncode}")

    async def _look(self, streams: int) -> Plateau:
        return Plateau(
            streams=streams,
            router_streams=await streams_in_flight(self._metrics_port),
            rss_bytes=self.memory(),
            open_files={name: p.num_fds() for name, p in self._processes.items()},
        )


@asynccontextmanager
async def _rig(options: SseOptions) -> AsyncIterator[tuple[Supervisor, list[str], int, int]]:
    port, admin, router, metrics, *pool_ports = free_ports(4 + len(_TIERS))
    pools = dict(zip(_TIERS, pool_ports, strict=True))
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="weighbridge-sse-") as folder:
        config = Path(folder) / "envoy.yaml"
        config.write_text(to_yaml(bootstrap(_bootstrap_options(port, admin, router, pools))))
        async with Supervisor(Path(folder), said.append) as supervisor:
            for tier, pool_port in pools.items():
                await supervisor.start(_pool(tier, pool_port, options))
            await supervisor.start(router_spec(router, metrics))
            await supervisor.start(envoy_spec(config, admin))
            yield supervisor, said, port, metrics


def _bootstrap_options(
    port: int, admin: int, router: int, pools: dict[str, int]
) -> BootstrapOptions:
    return BootstrapOptions(
        listen=Endpoint(LOOPBACK, port),
        admin=Endpoint(LOOPBACK, admin),
        router=(Endpoint(LOOPBACK, router),),
        pools=tuple(Pool(tier, (Endpoint(LOOPBACK, p),)) for tier, p in pools.items()),
        access_log="/dev/null",
    )


def _pool(tier: str, port: int, options: SseOptions) -> ChildSpec:
    """A simulator that takes every stream at once and keeps an even pace."""
    settings = {
        "--port": port,
        "--itl-ms": options.itl_ms,
        "--itl-jitter": 0,
        "--batch-interference": 0,
        "--max-num-seqs": options.streams,
        "--kv-blocks": 32 * options.streams + 16_384,
        "--drain-seconds": 0,
    }
    return ChildSpec(
        name=f"pool-{tier}",
        argv=(
            *(sys.executable, "-m", "weighbridge_simulator", "--any-model"),
            *(str(word) for pair in settings.items() for word in pair),
        ),
        ready=HttpProbe(port, "/health"),
        on_exit=OnExit.STOP_ALL,
    )

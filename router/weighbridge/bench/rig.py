"""Everything that a benchmark needs, started and watched: handlers, Envoy, the load generator."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from weighbridge_mesh.bootstrap import to_yaml

from weighbridge.bench.envoy import Target, bench_bootstrap
from weighbridge.bench.load import Job, LoadGenerator, LoadResult
from weighbridge.bench.startup import ROUTER_COMMAND, router_environment
from weighbridge.contract import Metric
from weighbridge.errors import LocalError
from weighbridge.local.binaries import find_envoy
from weighbridge.local.child import ChildSpec, OnExit
from weighbridge.local.ports import free_ports
from weighbridge.local.probes import HttpProbe, TcpProbe
from weighbridge.local.supervisor import Supervisor


class Rig:
    """What runs during a benchmark.

    Args:
        supervisor: of the processes.
        said: what the supervisor reported, for when one of them dies.
        generator: of the load.
        ports: where each target is reached.
        handlers: the processes that the filter asks.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        said: list[str],
        generator: LoadGenerator,
        ports: dict[Target, int],
        handlers: dict[Target, psutil.Process],
    ) -> None:
        self._ended = asyncio.create_task(supervisor.until_ended())
        self._said = said
        self._generator = generator
        self._ports = ports
        self._handlers = handlers

    async def load(
        self,
        target: Target,
        case: str,
        *,
        connections: int,
        seconds: float,
        warmup_s: float,
        rate: float | None = None,
        requests: int | None = None,
    ) -> tuple[LoadResult, float]:
        """Load one target.

        Returns:
            The result, and the handler's CPU time per response in microseconds, warm-up included;
            0 for plain Envoy.

        Raises:
            LocalError: where a process of the rig died meanwhile.
        """
        job = Job(
            port=self._ports[target],
            case=case,
            connections=connections,
            seconds=seconds,
            warmup_s=warmup_s,
            rate=rate,
            requests=requests,
            weighed=target is not Target.PLAIN,
        )
        before = self._cpu_seconds(target)
        result = await load_unless_dead(self._generator, job, self._ended, self._said)
        spent = self._cpu_seconds(target) - before
        return result, spent / max(1, result.answered) * 1e6

    def router_rss(self) -> int:
        """Resident memory of the router, bytes."""
        return int(self._handlers[Target.ROUTER].memory_info().rss)

    def _cpu_seconds(self, target: Target) -> float:
        handler = self._handlers.get(target)
        if handler is None or not handler.is_running():
            return 0.0
        times = handler.cpu_times()
        return float(times.user + times.system)


async def load_unless_dead(
    generator: LoadGenerator, job: Job, ended: "asyncio.Task[int]", said: list[str]
) -> LoadResult:
    """Run a job while all processes live.

    Args:
        generator: of the load.
        job: what to load.
        ended: done when a process has ended.
        said: why, by then.

    Raises:
        LocalError: where a process died meanwhile.
    """
    running = asyncio.create_task(generator.run(job))
    await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        running.cancel()
        raise LocalError("the benchmark broke off: " + "; ".join(said))
    return await running


@asynccontextmanager
async def bench_rig() -> AsyncIterator[Rig]:
    """Start handlers, Envoy and the load generator on free ports; stop them at the end.

    Raises:
        LocalError: for what is missing on this machine, or does not start.
    """
    ports = dict(zip(Target, free_ports(len(Target)), strict=True))
    empty, router, metrics, admin = free_ports(4)
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as folder:
        config = Path(folder) / "envoy.yaml"
        rendered = bench_bootstrap(ports, {Target.EMPTY: empty, Target.ROUTER: router}, admin)
        config.write_text(to_yaml(rendered))
        async with Supervisor(Path(folder), said.append) as supervisor, LoadGenerator() as load:
            for spec in (
                empty_spec(empty),
                router_spec(router, metrics),
                envoy_spec(config, admin),
            ):
                await supervisor.start(spec)
            pids = supervisor.pids()
            handlers = {
                target: psutil.Process(pids[target]) for target in (Target.EMPTY, Target.ROUTER)
            }
            yield Rig(supervisor, said, load, ports, handlers)


def router_spec(port: int, metrics_port: int) -> ChildSpec:
    """Make the router: as a user gets it, decision log and metrics included."""
    return ChildSpec(
        name=Target.ROUTER.value,
        argv=ROUTER_COMMAND,
        env=router_environment(port, metrics_port),
        ready=HttpProbe(metrics_port, "/metrics", f"\n{Metric.READY} 1.0"),
        on_exit=OnExit.STOP_ALL,
    )


def envoy_spec(config: Path, admin_port: int) -> ChildSpec:
    """Make an Envoy with one worker."""
    return ChildSpec(
        name="envoy",
        argv=(
            *(str(find_envoy()), "-c", str(config), "--concurrency", "1"),
            # By default Envoys of one machine meet in shared memory, and the second refuses.
            *("--disable-hot-restart", "--log-level", "warning"),
        ),
        ready=HttpProbe(admin_port, "/ready"),
        on_exit=OnExit.STOP_ALL,
    )


def empty_spec(port: int) -> ChildSpec:
    """Make the empty handler."""
    return ChildSpec(
        name=Target.EMPTY.value,
        argv=(sys.executable, "-m", "weighbridge.bench.empty_handler", str(port)),
        ready=TcpProbe(port),
        on_exit=OnExit.STOP_ALL,
    )

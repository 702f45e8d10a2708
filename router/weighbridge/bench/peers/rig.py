"""What the side by side needs, started and watched: handlers, Envoy, LiteLLM, load generator."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil
from weighbridge_mesh.bootstrap import to_yaml

from weighbridge.bench.load import Job, LoadGenerator, LoadResult
from weighbridge.bench.peers.envoy import Side, peers_bootstrap
from weighbridge.bench.peers.litellm import configuration, litellm_spec
from weighbridge.bench.peers.probe import EASY, TOLD_BY, ask, require_weighing
from weighbridge.bench.rig import empty_spec, envoy_spec, load_unless_dead, router_spec
from weighbridge.errors import LocalError
from weighbridge.local.child import ChildSpec
from weighbridge.local.ports import free_ports
from weighbridge.local.supervisor import Supervisor

ENVOY: Final = "envoy"
PROCESSES: Final = (ENVOY, Side.EMPTY.value, Side.ROUTER.value, Side.LITELLM.value)
"""Names of what is started, in the order of the tables."""


class PeersRig:
    """What runs during the side by side.

    Args:
        supervisor: of the processes.
        said: what the supervisor reported, for when one of them dies.
        generator: of the load.
        ports: where each target is reached.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        said: list[str],
        generator: LoadGenerator,
        ports: dict[Side, int],
    ) -> None:
        self._ended = asyncio.create_task(supervisor.until_ended())
        self._supervisor = supervisor
        self._said = said
        self._generator = generator
        self._ports = ports

    async def require_weighing(self) -> None:
        """Make sure that the targets that are to weigh do.

        Raises:
            LocalError: where one does not.
        """
        for side in TOLD_BY:
            await require_weighing(side, self._ports[side])

    async def load(
        self,
        side: Side,
        case: str,
        *,
        connections: int,
        seconds: float,
        warmup_s: float,
        rate: float | None = None,
        requests: int | None = None,
    ) -> LoadResult:
        """Load one target.

        Raises:
            LocalError: where a process of the rig died meanwhile.
        """
        job = Job(
            port=self._ports[side],
            case=case,
            connections=connections,
            seconds=seconds,
            warmup_s=warmup_s,
            rate=rate,
            requests=requests,
            weighed=side is not Side.PLAIN,
        )
        return await load_unless_dead(self._generator, job, self._ended, self._said)

    def memory(self) -> dict[str, int]:
        """Resident bytes of each process, those that it started included."""
        return {name: _resident(pid) for name, pid in self._supervisor.pids().items()}


@asynccontextmanager
async def peers_rig(python: Path) -> AsyncIterator[PeersRig]:
    """Start everything on free ports; stop it at the end.

    Args:
        python: interpreter of LiteLLM's environment.

    Raises:
        LocalError: for what is missing on this machine, or does not start, with the end of its log.
    """
    ports = dict(zip(Side, free_ports(len(Side)), strict=True))
    empty, router, metrics, pool, admin = free_ports(5)
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as folder:
        config, proxy = Path(folder) / "envoy.yaml", Path(folder) / "litellm.yaml"
        asked = {Side.EMPTY: empty, Side.ROUTER: router}
        config.write_text(to_yaml(peers_bootstrap(ports, asked, pool, admin)))
        proxy.write_text(configuration(pool))
        specs = (
            empty_spec(empty),
            router_spec(router, metrics),
            envoy_spec(config, admin),
            litellm_spec(python, proxy, ports[Side.LITELLM]),
        )
        async with Supervisor(Path(folder), said.append) as supervisor, LoadGenerator() as load:
            for spec in specs:
                await supervisor.start(spec)
            yield PeersRig(supervisor, said, load, ports)


async def seconds_to_first_answer(python: Path) -> float:
    """Start a LiteLLM before a pool that is there, ask it, and stop it.

    Returns:
        Seconds from before its process was made until it had answered one prompt.

    Raises:
        LocalError: where it does not start or does not answer.
    """
    listen, pool, admin, plain = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as folder:
        config, proxy = Path(folder) / "envoy.yaml", Path(folder) / "litellm.yaml"
        config.write_text(to_yaml(peers_bootstrap({Side.PLAIN: plain}, {}, pool, admin)))
        proxy.write_text(configuration(pool))
        async with Supervisor(Path(folder), lambda _: None) as supervisor:
            await supervisor.start(envoy_spec(config, admin))
            return await _timed_start(supervisor, litellm_spec(python, proxy, listen), listen)


async def _timed_start(supervisor: Supervisor, spec: ChildSpec, port: int) -> float:
    started = time.perf_counter()
    await supervisor.start(spec)
    answered = await ask(port, EASY, TOLD_BY[Side.LITELLM])
    taken = time.perf_counter() - started
    if "without" in answered or answered.startswith("no answer"):
        raise LocalError(f"LiteLLM was to answer a first prompt, came {answered}")
    return taken


def _resident(pid: int) -> int:
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(int(one.memory_info().rss) for one in family)

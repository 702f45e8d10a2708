"""What the metering benchmark needs, started: Envoy, a pool, the meter."""

import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from weighbridge_mesh import options as mesh
from weighbridge_mesh.bootstrap import bootstrap, to_yaml
from weighbridge_mesh.proto import Config

from weighbridge.bench.envoy import LOOPBACK
from weighbridge.bench.metering_report import MeteringOptions
from weighbridge.bench.rig import envoy_spec
from weighbridge.local.child import ChildSpec, OnExit
from weighbridge.local.ports import free_ports
from weighbridge.local.probes import HttpProbe
from weighbridge.local.supervisor import Supervisor

PLAIN: Final = "without"
METERED: Final = "with metering"
TIER: Final = "small"
FLUSH_S: Final = 0.2


@dataclass(frozen=True)
class MeteringRig:
    """Ports of the listeners by name, the meter's metrics, and the processes that are watched."""

    ports: dict[str, int]
    metrics_port: int
    envoy: psutil.Process
    meter: psutil.Process


@asynccontextmanager
async def metering_rig(options: MeteringOptions) -> AsyncIterator[MeteringRig]:
    """Start it all on free ports; stop it at the end."""
    plain, metered, admin, pool, meter, metrics = free_ports(6)
    ports = {PLAIN: plain, METERED: metered}
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="weighbridge-metering-") as folder:
        config = Path(folder) / "envoy.yaml"
        config.write_text(to_yaml(metering_bootstrap(ports, admin, pool, meter)))
        async with Supervisor(Path(folder), said.append) as supervisor:
            for spec in (_pool(pool, options), _meter(meter, metrics), envoy_spec(config, admin)):
                await supervisor.start(spec)
            pids = supervisor.pids()
            processes = (psutil.Process(pids[name]) for name in ("envoy", "meter"))
            yield MeteringRig(ports, metrics, *processes)


def metering_bootstrap(ports: Mapping[str, int], admin: int, pool: int, meter: int) -> Config:
    """Render one Envoy with a listener of each kind."""
    receipts = mesh.MeteringOptions(meter=mesh.Endpoint(LOOPBACK, meter), flush_s=FLUSH_S)
    plain, metered = (
        _one(ports[name], admin, pool, metering)
        for name, metering in ((PLAIN, None), (METERED, receipts))
    )
    listener: Config = plain["static_resources"]["listeners"][0]
    metered["static_resources"]["listeners"].append({**listener, "name": "plain"})
    return metered


def _one(port: int, admin: int, pool: int, metering: mesh.MeteringOptions | None) -> Config:
    rendered = bootstrap(
        mesh.BootstrapOptions(
            listen=mesh.Endpoint(LOOPBACK, port),
            admin=mesh.Endpoint(LOOPBACK, admin),
            pools=(mesh.Pool(TIER, (mesh.Endpoint(LOOPBACK, pool),)),),
            fallback_tier=TIER,
            access_log="/dev/null",
            metering=metering,
        )
    )
    resources = rendered["static_resources"]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    # Nobody asks a router: its filter is the first, and so is its cluster.
    del manager["http_filters"][0], resources["clusters"][0]
    return rendered


def _pool(port: int, options: MeteringOptions) -> ChildSpec:
    settings = {
        "--port": port,
        "--ttft-ms": 0,
        "--itl-ms": options.itl_ms,
        "--itl-jitter": 0,
        "--batch-interference": 0,
        "--drain-seconds": 0,
    }
    return ChildSpec(
        name="pool",
        argv=(
            *(sys.executable, "-m", "weighbridge_simulator", "--any-model"),
            *(str(word) for pair in settings.items() for word in pair),
        ),
        ready=HttpProbe(port, "/health"),
        on_exit=OnExit.STOP_ALL,
    )


def _meter(port: int, metrics_port: int) -> ChildSpec:
    return ChildSpec(
        name="meter",
        argv=(
            *(sys.executable, "-m", "weighbridge", "meter"),
            *("--listen", f"{LOOPBACK}:{port}", "--metrics", f"{LOOPBACK}:{metrics_port}"),
        ),
        ready=HttpProbe(metrics_port, "/metrics"),
        on_exit=OnExit.STOP_ALL,
    )

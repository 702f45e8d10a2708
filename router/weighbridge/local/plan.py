"""Where everything of one `weighbridge up` goes, decided before anything is started."""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from weighbridge_mesh.bootstrap import bootstrap, to_yaml
from weighbridge_mesh.options import (
    BootstrapOptions,
    Endpoint,
    FilterOptions,
    MeteringOptions,
    Pool,
)

from weighbridge.catalog import TIER_MODELS
from weighbridge.contract import Metric
from weighbridge.errors import LocalError
from weighbridge.local.binaries import find_envoy
from weighbridge.local.child import ChildSpec, OnExit
from weighbridge.local.ports import LOOPBACK, free_ports, require_free
from weighbridge.local.probes import HttpProbe
from weighbridge.local.rules import PACKAGED, find_prometheus, require_rules
from weighbridge.local.screen import Addresses
from weighbridge.settings import Settings, load_settings


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    """What the command line says.

    Attributes:
        port: where clients connect, on loopback.
        pools: simulated or real vLLM.
        ready_file: written once everything is ready, removed at the end.
        config: the router's settings file.
        run_dir: folder of logs and of Envoy's bootstrap; None: a new one among temporary files.
        plain: lines instead of a table, as where output is no terminal.
        meter: count tokens and dollars as well.
        observe: run a Prometheus too; it implies `meter`.
        prometheus_port: where that one listens, on loopback.
        rules: folder of its rules; None: those that come with this package.
    """

    port: int = 8080
    pools: Literal["sim", "vllm"] = "sim"
    ready_file: Path | None = None
    config: Path | None = None
    run_dir: Path | None = None
    plain: bool = False
    meter: bool = False
    observe: bool = False
    prometheus_port: int = 9090
    rules: Path | None = None


@dataclass(frozen=True)
class Observer:
    """Which Prometheus runs, where it listens, and the folder of its rules."""

    programme: Path
    port: int
    rules: Path


@dataclass(frozen=True)
class MeterPorts:
    """Where the meter takes receipts, and where it shows what it counted."""

    receipts: int
    metrics: int


@dataclass(frozen=True)
class Plan:
    """Settings, folders and ports of a run."""

    settings: Settings
    run_dir: Path
    port: int
    admin_port: int
    router_port: int
    metrics_port: int
    pool_ports: dict[str, int]
    meter: MeterPorts | None = None
    observer: Observer | None = None

    @property
    def targets(self) -> Path:
        """Folder of files that name what else Prometheus is to scrape."""
        return self.run_dir / "targets"

    @property
    def access_log(self) -> Path:
        """Envoy's JSON lines."""
        return self.run_dir / "access.jsonl"

    @property
    def addresses(self) -> Addresses:
        """What people get to see."""
        return Addresses(
            endpoint=f"http://{LOOPBACK}:{self.port}/v1",
            metrics=f"http://{LOOPBACK}:{self.metrics_port}/metrics",
            admin=f"http://{LOOPBACK}:{self.admin_port}",
            logs=self.run_dir,
            tokens=f"http://{LOOPBACK}:{self.meter.metrics}/metrics" if self.meter else None,
            prometheus=f"http://{LOOPBACK}:{self.observer.port}" if self.observer else None,
        )

    def described(self, pids: dict[str, int]) -> dict[str, Any]:
        """Say it for the ready file."""
        addresses = self.addresses
        return {
            "endpoint": addresses.endpoint,
            "metrics": addresses.metrics,
            "tokens": addresses.tokens,
            "prometheus": addresses.prometheus,
            "targets": str(self.targets) if self.observer else None,
            "admin": addresses.admin,
            "run_dir": str(self.run_dir),
            "access_log": str(self.access_log),
            "pools": {tier: f"http://{LOOPBACK}:{port}" for tier, port in self.pool_ports.items()},
            "pids": pids,
        }


def make_plan(options: UpOptions) -> Plan:
    """Choose ports and a folder, and see that what is needed is there.

    Raises:
        LocalError: for what is missing or taken on this machine, with the way out.
        SettingsError: for settings that can't be used.
    """
    settings = load_settings(options.config)
    if settings.listen.tls is not None:
        raise LocalError("`up` speaks plaintext to its own router: remove listen.tls for it")
    require_free(options.port, "--port")
    observer = _observer(options)
    admin, router, metrics, *pool_ports = free_ports(3 + len(settings.tiers))
    run_dir = options.run_dir or Path(tempfile.mkdtemp(prefix="weighbridge-up-"))
    return Plan(
        settings=settings,
        run_dir=run_dir.absolute(),
        port=options.port,
        admin_port=admin,
        router_port=router,
        metrics_port=metrics,
        pool_ports=dict(zip(settings.tiers, pool_ports, strict=True)),
        meter=MeterPorts(*free_ports(2)) if options.meter or options.observe else None,
        observer=observer,
    )


def _observer(options: UpOptions) -> Observer | None:
    if not options.observe:
        if options.rules is not None:
            raise LocalError("--rules are Prometheus' rules: they want --observe")
        return None
    programme = find_prometheus()
    rules = (options.rules or PACKAGED).absolute()
    require_rules(rules, programme)
    require_free(options.prometheus_port, "--prometheus-port")
    return Observer(programme, options.prometheus_port, rules)


def router_spec(options: UpOptions, plan: Plan) -> ChildSpec:
    """Say how to run the router."""
    config = ("--config", str(options.config)) if options.config else ()
    return ChildSpec(
        name="router",
        argv=(sys.executable, "-m", "weighbridge", "serve", *config),
        env={
            "WEIGHBRIDGE_LISTEN__ADDRESS": f"{LOOPBACK}:{plan.router_port}",
            "WEIGHBRIDGE_LISTEN__METRICS_ADDRESS": f"{LOOPBACK}:{plan.metrics_port}",
            # Envoy is gone by the time the router is told to stop.
            "WEIGHBRIDGE_LISTEN__DRAIN_DELAY_S": "0",
        },
        ready=HttpProbe(plan.metrics_port, "/metrics", f"\n{Metric.READY} 1.0"),
        on_exit=OnExit.RESTART,
    )


def meter_specs(plan: Plan) -> list[ChildSpec]:
    """Say how to run the meter, where it was asked for."""
    if plan.meter is None:
        return []
    listen, metrics = f"{LOOPBACK}:{plan.meter.receipts}", f"{LOOPBACK}:{plan.meter.metrics}"
    tiers = list(plan.settings.tiers)
    models = {tier: TIER_MODELS.get(tier, TIER_MODELS["large"]) for tier in tiers}
    priced = [word for tier, model in models.items() for word in ("--model", f"{tier}={model}")]
    return [
        ChildSpec(
            name="meter",
            argv=(
                *(sys.executable, "-m", "weighbridge", "meter"),
                *("--listen", listen, "--metrics", metrics),
                *(*priced, "--reference", tiers[-1]),
            ),
            ready=HttpProbe(plan.meter.metrics, "/metrics"),
            on_exit=OnExit.RESTART,
        )
    ]


def envoy_spec(plan: Plan) -> ChildSpec:
    """Say how to run Envoy; its bootstrap is written into the run's folder.

    Raises:
        LocalError: where there is no Envoy.
    """
    rendered = bootstrap(
        BootstrapOptions(
            filter=FilterOptions(body_bytes=plan.settings.limits.body_bytes),
            listen=Endpoint(LOOPBACK, plan.port),
            admin=Endpoint(LOOPBACK, plan.admin_port),
            router=(Endpoint(LOOPBACK, plan.router_port),),
            pools=tuple(
                Pool(tier, (Endpoint(LOOPBACK, port),)) for tier, port in plan.pool_ports.items()
            ),
            fallback_tier=plan.settings.policy.fallback_tier,
            access_log=str(plan.access_log),
            metering=_metering(plan.meter),
        )
    )
    plan.run_dir.mkdir(parents=True, exist_ok=True)
    config = plan.run_dir / "envoy.yaml"
    config.write_text(to_yaml(rendered, "Generated by: weighbridge up"))
    return ChildSpec(
        name="envoy",
        argv=(
            *(str(find_envoy()), "-c", str(config)),
            *("--concurrency", str(min(4, os.cpu_count() or 1))),
            # By default Envoys of one machine meet in shared memory, and the second refuses.
            "--disable-hot-restart",
            *("--log-level", "warning"),
            # The default, 10 s, is long to wait for a line to appear on the screen.
            *("--file-flush-interval-msec", "200"),
        ),
        ready=HttpProbe(plan.admin_port, "/ready"),
        on_exit=OnExit.STOP_ALL,
    )


def _metering(ports: MeterPorts | None) -> MeteringOptions | None:
    if ports is None:
        return None
    return MeteringOptions(meter=Endpoint(LOOPBACK, ports.receipts))

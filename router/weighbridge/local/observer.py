"""The Prometheus of `weighbridge up --observe`: our rules in it, and all of the run to scrape."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from weighbridge.local.child import ChildSpec
from weighbridge.local.plan import Plan
from weighbridge.local.ports import LOOPBACK
from weighbridge.local.probes import HttpProbe
from weighbridge.local.rules import FILES

_INTERVAL: Final = "5s"
"""Of scrapes and rules: who starts this wants to see something soon, and has few series."""


def observer_specs(plan: Plan) -> list[ChildSpec]:
    """Say how to run Prometheus, where it was asked for; its files go into the run's folder."""
    if plan.observer is None:
        return []
    plan.targets.mkdir(parents=True, exist_ok=True)
    config = plan.run_dir / "prometheus.yaml"
    config.write_text(yaml.safe_dump(prometheus_config(plan, plan.observer.rules), sort_keys=False))
    return [
        ChildSpec(
            name="prometheus",
            argv=(
                *(str(plan.observer.programme), f"--config.file={config}"),
                f"--storage.tsdb.path={plan.run_dir / 'prometheus'}",
                f"--web.listen-address={LOOPBACK}:{plan.observer.port}",
                "--log.level=warn",
            ),
            ready=HttpProbe(plan.observer.port, "/-/ready"),
        )
    ]


def prometheus_config(plan: Plan, rules: Path) -> dict[str, Any]:
    """Make Prometheus' configuration: labels are those that rules want, less the namespace."""
    return {
        "global": {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL},
        "rule_files": [str(rules / FILES)],
        "scrape_configs": list(_jobs(plan)),
    }


def _jobs(plan: Plan) -> Iterator[dict[str, Any]]:
    yield _job("router", _target(plan.metrics_port))
    yield _job("gateway", _target(plan.admin_port)) | {"metrics_path": "/stats/prometheus"}
    if plan.meter is not None:
        yield _job("meter", _target(plan.meter.metrics))
    pools = plan.pool_ports.items()
    yield _job("pools", *(_target(port, pool=tier, tier=tier) for tier, port in pools))
    # What runs beside, such as an exporter of GPUs: files of targets, taken as they come.
    files = {"files": [str(plan.targets / "*.yaml")], "refresh_interval": _INTERVAL}
    yield {"job_name": "others", "honor_labels": True, "file_sd_configs": [files]}


def _job(name: str, *targets: dict[str, Any]) -> dict[str, Any]:
    return {"job_name": name, "static_configs": list(targets)}


def _target(port: int, **labels: str) -> dict[str, Any]:
    return {"targets": [f"{LOOPBACK}:{port}"], "labels": labels}

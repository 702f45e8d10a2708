"""A real Prometheus in the lab: what it scrapes, by which rules it records, what runs it.

In: the PodMonitors and PrometheusRules that lie in the cluster, as charts and administrators put
them there. Out: Prometheus' configuration and rule files. They are what the operator makes of
those, field by field, but for where pods are listed, see `discovery`; so labels come about in the
lab as they do in production.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from weighbridge_lab.discovery import ADDRESS
from weighbridge_lab.errors import LabError

MONITORING: Final = "monitoring"
PROMETHEUS: Final = "prometheus"
PROMETHEUS_PORT: Final = 9090
PROMETHEUS_HOST: Final = f"{PROMETHEUS}.{MONITORING}.svc.cluster.local"
PROMETHEUS_URL: Final = f"http://{PROMETHEUS_HOST}:{PROMETHEUS_PORT}"
"""As pods reach it."""
WINDOW: Final = "2m"
"""Of production's rules: what `shortened` replaces."""
_META: Final = "__meta_kubernetes"
_CAMEL: Final = re.compile(r"(?<!^)(?=[A-Z])")
Mapped = dict[str, Any]


def configuration(monitors: Iterable[Mapping[str, Any]], interval: str) -> Mapped:
    """Make Prometheus' configuration.

    Args:
        monitors: the PodMonitors, as the API server gives them.
        interval: of scrapes and of rules, in place of the monitors' own.
    """
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": ["/etc/prometheus/*.rules.yaml"],
        "scrape_configs": [
            _scrape(monitor, number, endpoint, interval)
            for monitor in monitors
            for number, endpoint in enumerate(monitor["spec"]["podMetricsEndpoints"])
        ],
    }


def rule_files(rules: Iterable[Mapping[str, Any]], window: str) -> dict[str, str]:
    """Write each PrometheusRule as a file, by name, with another window than production's.

    Raises:
        LabError: there are none.
    """
    found = {
        "{namespace}-{name}.rules.yaml".format(**rule["metadata"]): shortened(
            json.dumps(rule["spec"], indent=1), window
        )
        for rule in rules
    }
    if not found:
        raise LabError("expected PrometheusRules in the cluster, found none: set rules.enabled")
    return found


def shortened(rules: str, window: str) -> str:
    """Give rules another window: what shows after minutes shows after seconds.

    Raises:
        LabError: nothing in them has production's window.
    """
    if f"[{WINDOW}]" not in rules:
        raise LabError(f"expected rules over [{WINDOW}], found none: see WINDOW in monitoring.py")
    return rules.replace(f"[{WINDOW}]", f"[{window}]")


def config_map(files: Mapping[str, str]) -> Mapped:
    """Make the ConfigMap from which the pod reads its files."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": PROMETHEUS, "namespace": MONITORING},
        "data": dict(files),
    }


def _scrape(
    monitor: Mapping[str, Any], number: int, endpoint: Mapping[str, Any], interval: str
) -> Mapped:
    name, namespace = monitor["metadata"]["name"], monitor["metadata"]["namespace"]
    return {
        "job_name": f"podMonitor/{namespace}/{name}/{number}",
        "honor_labels": endpoint.get("honorLabels", False),
        "metrics_path": endpoint.get("path", "/metrics"),
        "http_sd_configs": [
            {"url": "http://{}:{}".format(*ADDRESS), "refresh_interval": interval},
        ],
        "relabel_configs": [
            *_chosen(monitor, endpoint),
            *_named(monitor, endpoint),
            *map(_snake, endpoint.get("relabelings", ())),
        ],
        "metric_relabel_configs": [*map(_snake, endpoint.get("metricRelabelings", ()))],
    }


def _chosen(monitor: Mapping[str, Any], endpoint: Mapping[str, Any]) -> list[Mapped]:
    """Keep what the monitor selects."""
    spec = monitor["spec"]
    if unknown := set(spec["selector"]) - {"matchLabels", "matchExpressions"}:
        raise LabError(f"expected a selector by labels, came {unknown}")
    namespaces = spec.get("namespaceSelector", {})
    wanted = namespaces.get("matchNames", [monitor["metadata"]["namespace"]])
    return [
        _rule("drop", [f"{_META}_pod_phase"], "(Failed|Succeeded)"),
        *([] if namespaces.get("any") else [_keep([f"{_META}_namespace"], wanted)]),
        *(
            _keep([_label(name), _label(name, "present")], [f"{value};true"])
            for name, value in spec["selector"].get("matchLabels", {}).items()
        ),
        *map(_expression, spec["selector"].get("matchExpressions", ())),
        _keep([f"{_META}_pod_container_port_name"], [endpoint["port"]]),
    ]


def _expression(expression: Mapping[str, Any]) -> Mapped:
    name, values = expression["key"], expression.get("values", ())
    match expression["operator"]:
        case "Exists":
            return _keep([_label(name, "present")], ["true"])
        case "DoesNotExist":
            return _rule("drop", [_label(name, "present")], "true")
        case "In":
            return _keep([_label(name)], values)
        case "NotIn":
            return {**_keep([_label(name)], values), "action": "drop"}
        case other:
            raise LabError(f"expected an operator of label selectors, came {other!r}")


def _named(monitor: Mapping[str, Any], endpoint: Mapping[str, Any]) -> list[Mapped]:
    """Say whose metrics they are."""
    metadata = monitor["metadata"]
    return [
        {"source_labels": [f"{_META}_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{_META}_pod_container_name"], "target_label": "container"},
        {"source_labels": [f"{_META}_pod_name"], "target_label": "pod"},
        {
            "target_label": "job",
            "replacement": f"{metadata['namespace']}/{metadata['name']}",
        },
        {"target_label": "endpoint", "replacement": endpoint["port"]},
    ]


def _keep(source: Sequence[str], values: Iterable[str]) -> Mapped:
    return _rule("keep", source, f"({'|'.join(values)})")


def _rule(action: str, source: Sequence[str], regex: str) -> Mapped:
    return {"action": action, "source_labels": list(source), "regex": regex}


def _label(name: str, kind: str = "") -> str:
    return f"{_META}_pod_label{kind}_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}"


def _snake(relabeling: Mapping[str, Any]) -> Mapped:
    return {_CAMEL.sub("_", name).lower(): value for name, value in relabeling.items()}


def listed(answer: str) -> list[Mapped]:
    """Read the answer of ``kubectl get … --output json``."""
    items: list[Mapped] = json.loads(answer)["items"]
    return items

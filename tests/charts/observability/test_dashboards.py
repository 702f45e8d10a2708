"""No panel is dead: each query has data on the Prometheus of `up --observe`, under load.

GPUs, Rollouts, restarts and subsets are not there on one machine: `exporter.py` stands in for
them, as one of the targets that people may add. One pool is scraped again, as two versions of a
pool in a cluster. Nothing else is put on: rules are those that ship, but for the month's budget,
which they reckon every five minutes and this test does not wait for.
"""

import json
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import httpx
import pytest
import yaml
from charts.observability.exporter import POOL, VERSIONS, exporting, exposition
from charts.rendering import REPOSITORY
from contract.promql import series
from envoy_rig.rig import wait_until
from weighbridge.drift import LEAST
from weighbridge.local.ports import free_ports
from weighbridge.observing.dashboards import DASHBOARDS
from weighbridge.observing.prometheus import Prometheus
from weighbridge_lab.programmes import require_programmes

RULES = REPOSITORY / "observability" / "rules"
EXTERNAL = REPOSITORY / "tests" / "contract" / "external_metrics.yaml"
QUERIES = [
    pytest.param(query, id=f"{dashboard.name}-{panel.title}-{query.legend}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels()
    for query in panel.queries
]
# The second stage is asked about all, and mostly has no time; both have a panel.
SETTINGS = {"classifier": {"second_stage": True, "band": 0.5}}
PROMPTS = ("What is the capital of France?", "Prove that the square root of 2 is irrational.")


def prompt_rules(folder):
    """The rules that ship, the month's budget reckoned as often as the rest."""
    folder.mkdir()
    for path in RULES.glob("*.rules.yaml"):
        text = path.read_text(encoding="utf-8").replace("    interval: 5m\n", "")
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


def up(folder, *words):
    """Start `weighbridge up --observe`."""
    port, prometheus = free_ports(2)
    (folder / "settings.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    with (folder / "output.txt").open("wb") as output:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "weighbridge", "up", "--plain", "--observe"),
                *("--port", str(port), "--prometheus-port", str(prometheus)),
                *("--ready-file", folder / "ready.json", "--run-dir", folder / "run"),
                *("--config", folder / "settings.yaml", *words),
            ],
            stdout=output,
            stderr=output,
        )


def others(exporter, pool):
    """Targets beside the run's own: the exporter, and a pool as two versions of a cluster's."""
    versions = [
        {
            "targets": [pool.removeprefix("http://")],
            "labels": {**POOL, "revision": revision, "pod": pod},
        }
        for revision, pod in VERSIONS.items()
    ]
    return yaml.safe_dump([{"targets": [exporter]}, *versions])


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A run under load: its Prometheus, and what the run said of itself."""
    require_programmes()
    folder = tmp_path_factory.mktemp("observe")
    stop = threading.Event()
    process = up(folder, "--rules", str(prompt_rules(folder / "rules")))
    try:
        ready = folder / "ready.json"
        wait_until(lambda: ready.exists() or process.poll() is not None, "it is up", seconds=60)
        assert process.poll() is None, (folder / "output.txt").read_text()
        said = json.loads(ready.read_text())
        with exporting() as exporter:
            targets = folder / "run" / "targets" / "others.yaml"
            targets.write_text(others(exporter, said["pools"]["small"]), encoding="utf-8")
            threads = [threading.Thread(target=_load, args=(said, stop, n)) for n in range(4)]
            for thread in threads:
                thread.start()
            yield SimpleNamespace(prometheus=Prometheus(said["prometheus"]), said=said)
            stop.set()
            for thread in threads:
                thread.join()
    finally:
        stop.set()
        process.terminate()
        process.wait(30)


def _load(said, stop, number):
    """Ask on and on: streams and whole answers, with usage and without, and what can't be read.

    No prompt comes twice: the router remembers scores.
    """
    with httpx.Client(base_url=said["endpoint"], timeout=30) as client:
        asked = number
        while not stop.wait(0.01):
            asked += 1
            text = f"{PROMPTS[asked % 2]} {number} {asked}"
            body = {"model": "auto", "max_tokens": 2, "stream": asked % 3 == 0}
            body["messages"] = [{"role": "user", "content": text}]
            client.post("chat/completions", json=body, headers={"x-team": "blue"})
            if asked % 20 == 0:
                client.post("chat/completions", content=b"no JSON")
            # Load that is light on shared cores once there are enough scores for a drift.
            if asked > LEAST:
                time.sleep(0.1)


def has_data(found, query):
    """Whether a series has a number, and every label that its legend names."""
    return any(
        one.value == one.value and all(f"{{{{{name}}}}}" not in query.legend for name in missing)
        for one in found
        for missing in [_places(query) - set(one.labels)]
    )


def _places(query):
    return {part.partition("}}")[0] for part in query.legend.split("{{")[1:]}


def test_the_stand_in_has_the_names_that_were_looked_up_and_no_others():
    sources = yaml.safe_load(EXTERNAL.read_text(encoding="utf-8"))
    listed = {name for source in sources for name in source["metrics"]}

    assert series(exposition(1)) == listed | {"envoy_cluster_upstream_rq"}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_has_data(stack, query):
    wait_until(
        lambda: has_data(stack.prometheus.ask(query.expr), query),
        f"data for {query.expr}",
        seconds=100,
    )

    assert has_data(stack.prometheus.ask(query.expr), query)


def test_versions_of_a_pool_stand_beside_each_other(stack):
    def revisions():
        found = stack.prometheus.ask("pool_revision:ttft_seconds:p95")
        return {one.labels.get("revision") for one in found}

    wait_until(lambda: revisions() >= set(VERSIONS), "both versions", seconds=60)

    assert revisions() >= set(VERSIONS)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_top_has_a_number_in_each_line(stack, dashboard):
    def said():
        words = ("--prometheus", stack.said["prometheus"], "--json")
        ran = subprocess.run(
            [sys.executable, "-m", "weighbridge", "top", dashboard.name, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            return [ran.stderr]
        panels = json.loads(ran.stdout)["panels"]
        return [p["panel"] for p in panels if all(s["value"] is None for s in p["series"])]

    wait_until(lambda: not said(), "all panels have data", seconds=100)

    assert said() == []


def test_a_faulty_rule_is_told_before_anything_is_started(tmp_path):
    rules = prompt_rules(tmp_path / "rules")
    path = rules / "router.rules.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("sum by (namespace) (weighbridge_ready)", "sum by (weighbridge"))

    process = up(tmp_path, "--rules", str(rules))

    assert process.wait(30) == 1
    said = (tmp_path / "output.txt").read_text()
    assert "a rule is faulty, and nothing was started" in said
    assert f"{path}:" in said
    assert "could not parse expression" in said
    assert not (tmp_path / "run").exists()

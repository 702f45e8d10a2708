"""Rules on a real Prometheus that scrapes a real Envoy, a router and simulators under load.

Windows of five minutes are eight seconds here, and nothing waits `for` longer; all else is as it is
installed. What is on trial are labels: that series of three programmes meet in one expression.
"""

import json
import threading
import urllib.parse
import urllib.request
from types import SimpleNamespace

import pytest
import yaml
from charts.rendering import REPOSITORY
from envoy_rig.processes import Child
from envoy_rig.requests import EASY, HARD, chat, client_of
from envoy_rig.rig import Rig, wait_until
from weighbridge.local.ports import free_ports
from weighbridge_lab.programmes import find_programme, require_programmes

RULES = REPOSITORY / "observability" / "rules"
FILES = ("router", "gateway", "pools", "slo")


def quick(name):
    """A file of rules that judges by seconds."""
    loaded = yaml.safe_load((RULES / f"{name}.rules.yaml").read_text(encoding="utf-8"))
    for group in loaded["groups"]:
        for rule in group["rules"]:
            rule["expr"] = rule["expr"].replace("[5m]", "[8s]").replace("[1d]", "[1h]")
            rule.pop("for", None)
    return yaml.safe_dump(loaded)


def prometheus(folder, router, envoy, pools):
    """A Prometheus that scrapes them all each second, not yet started."""
    (port,) = free_ports(1)
    jobs = {"router": router.metrics_address, "gateway": envoy.admin_address}
    scraped = [_job(name, address) for name, address in jobs.items()]
    scraped += [
        _job(tier, f"{pool.endpoint.host}:{pool.endpoint.port}", pool=tier, tier=tier)
        for tier, pool in pools.items()
    ]
    scraped[1]["metrics_path"] = "/stats/prometheus"
    for name in FILES:
        (folder / f"{name}.rules.yaml").write_text(quick(name), encoding="utf-8")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "*.rules.yaml")],
        "scrape_configs": scraped,
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    words = [
        *(find_programme("prometheus"), f"--config.file={folder / 'prometheus.yaml'}"),
        *(f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
    ]
    url = f"http://127.0.0.1:{port}"
    return Child("prometheus", words, folder, ready_url=f"{url}/-/ready"), url


def _job(name, address, **labels):
    return {"job_name": name, "static_configs": [{"targets": [address], "labels": labels}]}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Under load: `ask`, which answers with values by labels, and the `router`, to be killed."""
    require_programmes()
    folder = tmp_path_factory.mktemp("prometheus")
    rig = Rig(folder)
    stop = threading.Event()
    try:
        pools = {tier: rig.simulator("--speed", "0", "--any-model") for tier in ("small", "large")}
        router = rig.router()
        envoy = rig.envoy({tier: [p.endpoint] for tier, p in pools.items()}, [router.endpoint])
        child, url = prometheus(folder, router, envoy, pools)
        thread = threading.Thread(target=_load, args=(envoy, stop))
        try:
            child.start()
            thread.start()
            yield SimpleNamespace(ask=lambda query: _ask(url, query), router=router)
        finally:
            stop.set()
            thread.join()
            child.close()
    finally:
        rig.close()


def _load(envoy, stop):
    with client_of(envoy) as client:
        while not stop.wait(0.02):
            for text in (EASY, HARD):
                body = {**chat(text), "stream": True, "max_tokens": 4}
                client.post("/v1/chat/completions", json=body)


def _ask(url, query):
    words = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{url}/api/v1/query?{words}", timeout=5) as answer:  # noqa: S310
        found = json.load(answer)["data"]["result"]
    return {
        tuple(v for k, v in sorted(one["metric"].items()) if k != "__name__"): float(
            one["value"][1]
        )
        for one in found
    }


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("tier:gateway_requests:rate > 0", {("small",), ("large",)}),
        ("tier:gateway_errors:ratio == 0", {("small",), ("large",)}),
        ("tier:weighed_decisions:ratio > 0", {("small",), ("large",)}),
        ("gateway:fail_open:ratio == 0", {()}),
        ("router:decision_seconds:p99 > 0", {()}),
        ("pool:ttft_seconds:p95 >= 0", {("small", "small"), ("large", "large")}),
        ("pool:kv_cache_usage:max >= 0", {("small", "small"), ("large", "large")}),
        ("slo:bad_events:ratio_rate1h >= 0", {("availability",), ("ttft",), ("overhead",)}),
    ],
)
def test_a_record_has_values_under_load(stack, query, labels):
    wait_until(lambda: set(stack.ask(query)) >= labels, query, seconds=60)

    assert set(stack.ask(query)) >= labels


def test_routers_that_die_are_told_of_and_so_is_failing_open(stack):
    alerts = 'ALERTS{alertname="%s",alertstate="firing"}'
    wait_until(lambda: stack.ask("gateway:fail_open:ratio == 0"), "nothing fails open", seconds=60)
    assert not stack.ask(alerts % "WeighbridgeRouterDown")

    stack.router.kill()
    try:
        for name in ("WeighbridgeFailOpen", "WeighbridgeRouterDown"):
            wait_until(lambda name=name: stack.ask(alerts % name), name, seconds=60)
    finally:
        stack.router.start(wait=False)
    wait_until(lambda: not stack.ask(alerts % "WeighbridgeRouterDown"), "it is back", seconds=60)
    wait_until(lambda: stack.ask("gateway:fail_open:ratio == 0"), "all are answered", seconds=60)

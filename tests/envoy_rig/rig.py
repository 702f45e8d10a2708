"""Envoy, pools and routers of a test, on free ports, closed in reverse order."""

import json
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from weighbridge.local.binaries import find_envoy
from weighbridge.local.ports import free_ports
from weighbridge_mesh.bootstrap import bootstrap, to_yaml
from weighbridge_mesh.options import BootstrapOptions, Endpoint, Pool

from envoy_rig.processes import Child, python

LOOPBACK = "127.0.0.1"


class Rig:
    """Starts things and remembers them.

    `pool`, `router`, `double` and `envoy` return a started child with the ports as attributes.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._stack = ExitStack()
        self._count = 0

    def close(self):
        self._stack.close()

    def _start(self, name, argv, **kwargs):
        self._count += 1
        child = Child(f"{name}-{self._count}", argv, self.folder, **kwargs)
        self._stack.callback(child.close)
        return child.start()

    def pool(self, name):
        (port,) = free_ports(1)
        child = self._start(
            name,
            python("envoy_rig.echo_pool", name, port),
            ready_url=f"http://{LOOPBACK}:{port}/health",
        )
        child.endpoint = Endpoint(LOOPBACK, port)
        child.count = lambda: get_json(f"http://{LOOPBACK}:{port}/echo/count")["requests"]
        return child

    def simulator(self, *flags):
        (port,) = free_ports(1)
        address = f"http://{LOOPBACK}:{port}"
        child = self._start(
            "simulator",
            python("weighbridge_simulator", "--port", port, *flags),
            ready_url=f"{address}/health",
        )
        child.endpoint = Endpoint(LOOPBACK, port)
        child.metrics = lambda: get_text(f"{address}/metrics")
        return child

    def router(self, **env):
        port, metrics = free_ports(2)
        child = self._start(
            "router",
            python("weighbridge", "serve"),
            env={
                "WEIGHBRIDGE_LISTEN__ADDRESS": f"{LOOPBACK}:{port}",
                "WEIGHBRIDGE_LISTEN__METRICS_ADDRESS": f"{LOOPBACK}:{metrics}",
                "WEIGHBRIDGE_LISTEN__DRAIN_DELAY_S": "0",
                **env,
            },
        )
        child.endpoint = Endpoint(LOOPBACK, port)
        child.metrics_address = f"{LOOPBACK}:{metrics}"
        child.metrics = lambda: get_text(f"http://{child.metrics_address}/metrics")
        wait_until(lambda: "weighbridge_ready 1.0" in child.metrics(), "router ready")
        return child

    def scripted_pool(self):
        """A pool that answers what the request says."""
        (port,) = free_ports(1)
        child = self._start(
            "scripted",
            python("envoy_rig.scripted_pool", port),
            ready_url=f"http://{LOOPBACK}:{port}/health",
        )
        child.endpoint = Endpoint(LOOPBACK, port)
        return child

    def meter(self, *flags):
        """The meter; `metrics` gives its exposition."""
        port, metrics = free_ports(2)
        where = ("--listen", f"{LOOPBACK}:{port}", "--metrics", f"{LOOPBACK}:{metrics}")
        url = f"http://{LOOPBACK}:{metrics}/metrics"
        child = self._start("meter", python("weighbridge", "meter", *where, *flags), ready_url=url)
        child.endpoint = Endpoint(LOOPBACK, port)
        child.metrics = lambda: get_text(url)
        return child

    def double(self, mode):
        port, control = free_ports(2)
        child = self._start(
            f"double-{mode}",
            python("envoy_rig.ext_proc_double", mode, port, control),
            ready_url=f"http://{LOOPBACK}:{control}/seen",
        )
        child.endpoint = Endpoint(LOOPBACK, port)
        child.seen = lambda: get_json(f"http://{LOOPBACK}:{control}/seen")
        return child

    def envoy(self, pools, routers, concurrency=1, change=None, **options):
        """Start Envoy over `pools` (tier to endpoints) and `routers` (endpoints).

        `change` may alter the rendered bootstrap in place.
        """
        port, admin = free_ports(2)
        log = self.folder / f"access-{port}.jsonl"
        rendered = bootstrap(
            BootstrapOptions(
                listen=Endpoint(LOOPBACK, port),
                admin=Endpoint(LOOPBACK, admin),
                pools=tuple(Pool(tier, tuple(endpoints)) for tier, endpoints in pools.items()),
                router=tuple(routers),
                access_log=str(log),
                **options,
            )
        )
        if change:
            change(rendered)
        config = self.folder / f"envoy-{port}.yaml"
        config.write_text(to_yaml(rendered))
        child = self._start(
            "envoy",
            [
                *(find_envoy(), "-c", config, "--concurrency", concurrency),
                *("--disable-hot-restart", "--log-level", "warning"),
                *("--file-flush-interval-msec", "50"),
            ],
            ready_url=f"http://{LOOPBACK}:{admin}/ready",
        )
        child.url = f"http://{LOOPBACK}:{port}"
        child.access_log = log
        child.stats = lambda: _stats(admin)
        child.admin_address = f"{LOOPBACK}:{admin}"
        child.metrics = lambda: get_text(f"http://{child.admin_address}/stats/prometheus")
        child.lines = lambda: [json.loads(line) for line in log.read_text().splitlines()]
        return child


def _stats(admin):
    text = get_text(f"http://{LOOPBACK}:{admin}/stats")
    pairs = (line.rsplit(": ", 1) for line in text.splitlines())
    return {name: int(value) for name, value in pairs if value.isdigit()}


def get_text(url):
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - own ports
        return response.read().decode()


def get_json(url):
    return json.loads(get_text(url))


def wait_until(true, what, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)

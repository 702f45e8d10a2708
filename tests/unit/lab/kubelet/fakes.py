"""Stand-ins at the kubelet's seams: the API server, the runtime, a container's process."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta

import msgspec
from lightkube.models.core_v1 import Container, Probe
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret
from weighbridge_lab.kubelet.api import Token
from weighbridge_lab.kubelet.container import Ran
from weighbridge_lab.kubelet.environment import Place
from weighbridge_lab.kubelet.images import ImageTable
from weighbridge_lab.kubelet.launching import Host
from weighbridge_lab.kubelet.manifest import Manifest
from weighbridge_lab.kubelet.sandbox import Sandbox
from weighbridge_lab.kubelet.states import BackOff

PLACE = Place(
    address="10.244.1.0",
    node_address="10.244.0.1",
    capacity={"cpu": "32", "memory": "64Gi"},
    api_host="10.244.0.1",
    api_port=6443,
)


def container(name="main", **fields):
    return msgspec.convert({"name": name, "image": "tool:1", **fields}, Container)


def probe(**fields):
    # Periods are whole seconds in the API; tests have no such patience.
    return Probe(**{"periodSeconds": 0.001, **fields})


def manifest(metadata=None, status=None, **spec):
    raw = {
        "metadata": {"name": "pod", "namespace": "llm", "uid": "u-1", **(metadata or {})},
        "spec": {"containers": [{"name": "main", "image": "tool:1"}], "nodeName": "a", **spec},
        "status": status or {},
    }
    return Manifest(msgspec.convert(raw, Pod))


def config_map(name="settings", **data):
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="llm"), data=data)


def secret(name="keys", **data):
    return Secret(metadata=ObjectMeta(name=name, namespace="llm"), data=data)


class FakeApi:
    """Keeps what it was told; gives what it was filled with."""

    def __init__(self, *objects):
        self.reports = []
        self.removed = asyncio.Event()
        self.tokens = []
        self.token_life = timedelta(hours=1)
        self.objects = {}
        self.failures = []
        for one in objects:
            self.add(one)

    def add(self, one):
        self.objects[type(one), one.metadata.namespace, one.metadata.name] = one

    def drop(self, one):
        del self.objects[type(one), one.metadata.namespace, one.metadata.name]

    async def report(self, _manifest, status):
        if self.failures:
            raise self.failures.pop(0)
        self.reports.append(status)
        return True

    async def remove(self, _manifest):
        self.removed.set()

    async def token(self, manifest, audience, seconds):
        self.tokens.append((manifest.spec.serviceAccountName, audience, seconds))
        return Token(f"token-{len(self.tokens)}", datetime.now(UTC) + self.token_life)

    def config_map(self, namespace, name):
        return self.objects.get((ConfigMap, namespace, name))

    def secret(self, namespace, name):
        return self.objects.get((Secret, namespace, name))


class FakeProcess:
    """A process that ends when it is told to, or not even then."""

    pid = 4711

    def __init__(self, *, stubborn=False, answers=()):
        self.signals = []
        self.commands = []
        self._answers = list(answers)
        self._stubborn = stubborn
        self._code = asyncio.get_running_loop().create_future()

    def end(self, code=0):
        if not self._code.done():
            self._code.set_result(code)

    async def ended(self):
        return await asyncio.shield(self._code)

    def signal(self, number):
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.end(137)
        elif not self._stubborn:
            self.end(143)

    async def execute(self, command):
        self.commands.append(list(command))
        return self._answers.pop(0) if self._answers else Ran(0, "")


class FakeRuntime:
    """Starts fake processes, each kept by the name of its log."""

    def __init__(self):
        self.sandboxes = []
        self.launches = {}
        self.processes = {}
        self.started = asyncio.Condition()

    async def open(self, sysctls):
        self.sandboxes.append(dict(sysctls))
        return Sandbox(f"10.244.1.{len(self.sandboxes) - 1}", 1000 + len(self.sandboxes))

    async def close(self, _sandbox):
        self.sandboxes.pop()

    async def start(self, launch, _sandbox):
        name = launch.log.stem.split("_")[-1]
        process = FakeProcess()
        async with self.started:
            self.launches.setdefault(name, []).append(launch)
            self.processes.setdefault(name, []).append(process)
            self.started.notify_all()
        return process

    async def until_started(self, name, times=1):
        """Wait until a container was started so often; give its last process."""
        async with asyncio.timeout(5), self.started:
            await self.started.wait_for(lambda: len(self.processes.get(name, [])) >= times)
        return self.processes[name][-1]


def host(folder, api, runtime, **changes):
    table = folder / "images.yaml"
    table.write_text("tool:\n  entrypoint: [tool]\n")
    return Host(
        **{
            "api": api,
            "runtime": runtime,
            "images": ImageTable(table, {}),
            "folder": folder,
            "etc": {},
            "node_address": PLACE.node_address,
            "api_host": PLACE.api_host,
            "api_port": PLACE.api_port,
            "capacity": {"a": PLACE.capacity},
            "back_off": BackOff(0.001, 0.004),
            **changes,
        }
    )


async def until(is_so, seconds=5.0):
    """Wait until something is so that nobody tells of."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - whoever makes it so tells nobody
            await asyncio.sleep(0)

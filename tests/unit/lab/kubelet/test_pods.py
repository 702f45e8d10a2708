import asyncio
from signal import SIGTERM

import httpx2
import pytest
from unit.lab.kubelet.fakes import FakeApi, FakeRuntime, config_map, host, manifest, until
from weighbridge_lab.kubelet.pods import PodWorker

SIDECAR = {"name": "proxy", "image": "tool:1", "restartPolicy": "Always"}
INIT = {"name": "init", "image": "tool:1"}
SETTINGS = {"name": "settings", "configMap": {"name": "settings"}}
MOUNTING = {
    "name": "main",
    "image": "tool:1",
    "volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"}],
}


class Bench:
    """A worker on its own."""

    def __init__(self, folder, *objects, status=None, **spec):
        self.api = FakeApi(*objects)
        self.runtime = FakeRuntime()
        self.folder = folder
        self.spec = spec
        self.worker = PodWorker(
            host(folder, self.api, self.runtime), manifest(None, status, **spec)
        )
        self.task = asyncio.create_task(self.worker.run())

    async def process(self, name="main", times=1):
        return await self.runtime.until_started(name, times)

    async def until_phase(self, phase):
        await until(lambda: self.api.reports and self.status["phase"] == phase)

    async def delete(self, grace_s=30):
        self.worker.delete(grace_s)
        async with asyncio.timeout(5):
            await self.task

    @property
    def status(self):
        return self.api.reports[-1]

    def waiting(self):
        return self.status["containerStatuses"][0]["state"].get("waiting", {})


@pytest.fixture
async def bench(tmp_path, monkeypatch):
    monkeypatch.setattr("weighbridge_lab.kubelet.pods._RETRY_S", 0.001)
    monkeypatch.setattr("weighbridge_lab.kubelet.runner._RETRY_S", 0.001)
    monkeypatch.setattr("weighbridge_lab.kubelet.lifecycle._LEAST_S", 0.01)
    made = []

    def make(*objects, **spec):
        made.append(Bench(tmp_path, *objects, **spec))
        return made[-1]

    yield make
    for one in made:
        if not one.task.done():
            await one.delete(0)


async def test_a_pod_comes_up_and_says_so(bench):
    one = bench()
    await one.process()
    await one.until_phase("Running")
    await until(lambda: one.status["containerStatuses"][0]["ready"])
    assert one.status["podIP"] == "10.244.1.0"


async def test_a_deleted_pod_is_ended_and_then_removed(bench):
    one = bench()
    process = await one.process()
    await one.until_phase("Running")
    assert not one.api.removed.is_set()
    await one.delete()
    assert process.signals == [SIGTERM]
    assert one.api.removed.is_set()
    assert one.runtime.sandboxes == []
    assert list((one.folder / "pods").iterdir()) == []


async def test_the_last_report_tells_how_the_containers_ended(bench):
    one = bench()
    await one.process()
    await one.delete()
    assert one.status["phase"] == "Failed"
    assert one.status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143


async def test_a_second_deletion_shortens_the_grace(bench):
    one = bench()
    process = await one.process()
    process._stubborn = True
    one.worker.delete(600)
    await until(lambda: process.signals)
    await one.delete(0)
    assert one.api.removed.is_set()


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (3, "Failed")])
async def test_a_pod_that_never_restarts_runs_to_its_end_and_stays(bench, code, phase):
    one = bench(restartPolicy="Never")
    (await one.process()).end(code)
    await one.until_phase(phase)
    await until(lambda: one.runtime.sandboxes == [])
    assert not one.api.removed.is_set()


async def test_init_containers_run_one_after_the_other(bench):
    one = bench(initContainers=[INIT, {**INIT, "name": "second"}])
    first = await one.process("init")
    assert "second" not in one.runtime.processes
    first.end(0)
    second = await one.process("second")
    assert "main" not in one.runtime.processes
    second.end(0)
    await one.process()


async def test_an_init_container_that_fails_is_tried_again(bench):
    one = bench(initContainers=[INIT])
    (await one.process("init")).end(1)
    (await one.process("init", 2)).end(0)
    await one.process()


async def test_an_init_container_that_may_not_fail_fails_the_pod(bench):
    one = bench(initContainers=[INIT], restartPolicy="Never")
    (await one.process("init")).end(1)
    await one.until_phase("Failed")
    assert "main" not in one.runtime.processes


async def test_a_sidecar_runs_beside_the_main_container_and_ends_after_it(bench):
    one = bench(initContainers=[SIDECAR])
    proxy = await one.process("proxy")
    main = await one.process()
    main._stubborn = True
    one.worker.delete(60)
    await until(lambda: main.signals)
    assert proxy.signals == []
    main.end(0)
    async with asyncio.timeout(5):
        await one.task
    assert proxy.signals == [SIGTERM]


async def test_a_sidecar_ends_when_the_work_is_done(bench):
    one = bench(initContainers=[SIDECAR], restartPolicy="Never")
    proxy = await one.process("proxy")
    (await one.process()).end(0)
    await one.until_phase("Succeeded")
    assert proxy.signals == [SIGTERM]


async def test_a_missing_config_map_is_waited_for(bench):
    one = bench(volumes=[SETTINGS], containers=[MOUNTING])
    await until(lambda: one.api.reports and one.waiting().get("message"))
    assert one.waiting() == {
        "reason": "ContainerCreating",
        "message": 'configmap "settings" not found in llm',
    }
    one.api.add(config_map(k="1"))
    await one.process()


async def test_a_change_of_a_config_map_reaches_the_volume(bench):
    one = bench(config_map(k="1"), volumes=[SETTINGS], containers=[MOUNTING])
    await one.process()
    (mount,) = one.runtime.launches["main"][0].view.mounts
    assert (mount.source / "k").read_text() == "1"
    one.api.add(config_map(k="2"))
    one.worker.refresh()
    await until(lambda: (mount.source / "k").read_text() == "2")


async def test_an_unknown_image_is_told_and_the_pod_can_be_deleted(bench):
    one = bench(containers=[{"name": "main", "image": "example.org/nope:1"}])
    await until(lambda: one.api.reports and one.waiting().get("reason") == "ImagePullBackOff")
    assert "name nope in" in one.waiting()["message"]
    await one.delete()
    assert one.api.removed.is_set()


async def test_sysctls_of_the_pod_are_those_of_its_sandbox(bench):
    name = "net.ipv4.ip_unprivileged_port_start"
    one = bench(securityContext={"sysctls": [{"name": name, "value": "0"}]})
    await one.process()
    assert one.runtime.sandboxes == [{name: "0"}]


async def test_a_readiness_gate_that_opens_is_seen(bench):
    spec = {"readinessGates": [{"conditionType": "gate"}]}
    one = bench(**spec)
    await one.process()
    await one.until_phase("Running")
    opened = {"conditions": [{"type": "gate", "status": "True"}]}
    one.worker.update(manifest(None, opened, **spec))
    await until(
        lambda: (
            {"type": "Ready", "status": "True"}.items()
            <= {
                k: v for c in one.status["conditions"] if c["type"] == "Ready" for k, v in c.items()
            }.items()
        )
    )


async def test_restarts_of_an_earlier_kubelet_are_counted_on(bench):
    known = {
        "name": "main",
        "image": "tool:1",
        "imageID": "",
        "ready": True,
        "restartCount": 4,
        "containerID": "process://1",
    }
    one = bench(status={"containerStatuses": [known]})
    await one.process()
    await until(lambda: one.status["containerStatuses"][0]["restartCount"] == 5)


async def test_a_pod_that_had_ended_is_not_run_again(bench):
    one = bench(status={"phase": "Succeeded"})
    await one.delete()
    assert one.runtime.processes == {}
    assert one.api.removed.is_set()


async def test_a_report_that_fails_is_repeated(bench):
    one = bench()
    one.api.failures += [httpx2.ConnectError("refused")] * 2
    await one.process()
    await one.until_phase("Running")


async def test_where_a_pods_processes_are_is_recorded(bench):
    one = bench()
    await one.process()
    record = one.folder / "pods" / "llm_pod.json"
    await until(lambda: record.exists() and "4711" in record.read_text())
    await one.delete()
    assert not record.exists()


async def test_a_container_is_started_as_its_spec_says(bench):
    spec = {
        "name": "main",
        "image": "tool:1",
        "args": ["--at", "$(HOSTNAME)"],
        "workingDir": "/work",
        "securityContext": {"runAsUser": 65532, "runAsGroup": 7, "readOnlyRootFilesystem": True},
    }
    one = bench(containers=[spec])
    await one.process()
    (launch,) = one.runtime.launches["main"]
    assert launch.command == ["tool", "--at", "pod"]
    assert (launch.user, launch.group, launch.hostname) == (65532, 7, "pod")
    assert (launch.view.read_only, launch.view.folder) == (True, "/work")
    assert launch.log.name == "llm_pod_main.log"


async def test_a_pod_whose_traffic_can_not_be_redirected_leaves_no_sandbox(bench):
    one = bench(initContainers=[{"name": "istio-validation", "image": "absent:1"}])
    await until(lambda: one.api.reports and "the image absent:1" in str(one.status))
    await one.delete(0)
    assert one.runtime.sandboxes == []

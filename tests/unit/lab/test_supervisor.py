import subprocess
import sys
from pathlib import Path

import pytest
from weighbridge_lab.supervisor import Door, Plan, _Resolver
from weighbridge_lab.waiting import until

# Takes in orphans, as process 1 does, makes one, and says its number; then it buries.
ADOPTER = """
import asyncio, ctypes, os, subprocess, sys
from weighbridge_lab.supervisor import bury_orphans
ctypes.CDLL(None).prctl(36, 1)
parent = subprocess.run(["sh", "-c", "sleep 0.1 & echo $!"], capture_output=True, text=True)
print(parent.stdout, end="", flush=True)
asyncio.run(asyncio.wait_for(bury_orphans(), 60))
"""


def test_plan_is_read_as_it_was_written(tmp_path):
    plan = Plan(
        state="state",
        nodes="nodes.yaml",
        images="images.yaml",
        places={"envoy_bootstrap": "somewhere"},
        doors=(Door("api", 3, "10.244.0.1", 6443), Door("gateway", 4, "gateway.svc", 80)),
        leashed=True,
    )
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


@pytest.fixture
def hosts(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n10.244.1.7 gateway.in gateway.in.svc.cluster.local\n\n")
    return path


@pytest.mark.parametrize(
    ("host", "address"),
    [("10.244.0.1", "10.244.0.1"), ("gateway.in.svc.cluster.local", "10.244.1.7")],
)
def test_door_leads_to_the_node_or_to_a_pod_of_its_service(hosts, host, address):
    assert _Resolver(hosts, Door("any", 3, host, 80))() == (address, 80)


def test_door_follows_its_service_to_another_pod(hosts):
    resolve = _Resolver(hosts, Door("any", 3, "gateway.in", 80))
    hosts.write_text("10.244.1.8 gateway.in\n")
    assert resolve() == ("10.244.1.8", 80)


def test_door_to_a_service_without_pods_leads_nowhere(hosts):
    with pytest.raises(LookupError, match="router"):
        _Resolver(hosts, Door("any", 3, "router", 80))()


def test_orphans_are_buried():
    with subprocess.Popen(
        [sys.executable, "-c", ADOPTER], stdout=subprocess.PIPE, text=True
    ) as adopter:
        orphan = Path(f"/proc/{int(adopter.stdout.readline())}")
        try:
            until("the orphan is gone", lambda: not orphan.exists())
            assert adopter.poll() is None
        finally:
            adopter.kill()

"""The lab itself: it leaves nothing behind, however it ends, and meets no other lab."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from weighbridge_lab.cluster import Cluster
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import INGRESS, apply
from weighbridge_lab.lab import TOOLS
from weighbridge_lab.tools import project_toolbox
from weighbridge_lab.waiting import until

# Starts a cluster of its own, says so, and does nothing more.
OWNER = """
import sys
from pathlib import Path
from lab.test_the_lab import cluster
started = cluster(Path(sys.argv[1]))
started.start()
print(started.supervisor, started.ports["api"], flush=True)
sys.stdin.read()
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: idle, namespace: default}
spec:
  automountServiceAccountToken: false
  containers:
    - {name: main, image: "busybox:lab", command: [sleep, infinity]}
"""
TWO_OF_ONE_HOST = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "rejected", "namespace": INGRESS},
    "spec": {
        "hosts": ["a.example", "*"],
        "gateways": ["weighbridge-mesh"],
        "http": [{"route": [{"destination": {"host": "gemma-small.llm.svc.cluster.local"}}]}],
    },
}


def cluster(state):
    """A cluster with nothing installed."""
    toolbox = project_toolbox()
    return Cluster(state, {name: toolbox.path(name) for name in TOOLS})


def processes(supervisor):
    """Those in the process namespaces of a lab and in those that its containers made."""
    found, open_ = set(), [supervisor]
    while open_:
        pid = open_.pop()
        found.add((pid, born(pid)))
        for thread in Path(f"/proc/{pid}/task").iterdir():
            open_ += [int(child) for child in (thread / "children").read_text().split()]
    return found


def born(pid):
    """When a process started, in the kernel's ticks; None: it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = text.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


def network_of(pid):
    """The network namespace that a process is in; None: it has ended."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink().name
    except OSError:
        return None


def networks():
    """The network namespaces that some process is in."""
    return {network_of(path.name) for path in Path("/proc").glob("[0-9]*")}


def until_nothing_is_left(left, network, port):
    """Wait until processes and a network have gone, and a door is closed."""
    until("all processes end", lambda: not [pid for pid, start in left if born(pid) == start])
    # The bridge and all interfaces of pods go with it.
    until("the network goes", lambda: network not in networks())
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5)


@pytest.fixture
def other(tmp_path):
    """A second cluster, with a pod that runs."""
    started = cluster(tmp_path / "other")
    started.start()
    try:
        until("the account of pods is there", lambda: apply(started, POD) is None)
        started.run("kubectl", "wait", "pod/idle", "--for=condition=Ready", "--timeout=60s")
        yield started
    finally:
        started.stop()


def test_two_labs_side_by_side_know_nothing_of_each_other(lab, other):
    assert other.run("kubectl", "get", "pods", "--output", "name").split() == ["pod/idle"]
    with pytest.raises(CommandError, match="not found"):
        lab.kubectl("get", "pod", "idle")
    # The same addresses, in networks of their own.
    for one in (lab.cluster, other):
        assert " 10.244.0.1/16 " in one.run(*one.inside(["ip", "-4", "address", "show", "cni0"]))


@pytest.mark.parametrize("end", ["told", "killed"])
def test_nothing_of_a_cluster_is_left(other, end):
    left, port = processes(other.supervisor), other.ports["api"]
    network = network_of(other.supervisor)
    assert len(left) >= 6  # supervisor, etcd, three of Kubernetes, kubelet; and the pod
    if end == "told":
        other.stop()
    else:
        os.kill(other.supervisor, signal.SIGKILL)
    until_nothing_is_left(left, network, port)


def test_nothing_is_left_of_a_cluster_whose_owner_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "orphan")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    ) as owner:
        supervisor, port = map(int, owner.stdout.readline().split())
        left = processes(supervisor)
        network = network_of(supervisor)
        owner.kill()
    until_nothing_is_left(left, network, port)


def test_route_that_istiod_rejects_fails_with_its_words(lab):
    with pytest.raises(CommandError, match=r"validation\.istio\.io.*duplicate hosts"):
        lab.apply([TWO_OF_ONE_HOST])

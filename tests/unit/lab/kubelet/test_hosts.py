import msgspec
import pytest
from lightkube.resources.discovery_v1 import EndpointSlice
from weighbridge_lab.kubelet.hosts import HostsFile


def endpoints(service, *addresses, namespace="llm", ready=True, hostname=None):
    raw = {
        "addressType": "IPv4",
        "metadata": {
            "name": f"{service}-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "endpoints": [
            {"addresses": [address], "conditions": {"ready": ready}, "hostname": hostname}
            for address in addresses
        ],
    }
    return msgspec.convert(raw, EndpointSlice)


@pytest.fixture
def file(tmp_path):
    return HostsFile(tmp_path / "hosts", "10.244.0.1")


@pytest.fixture
def lookup(tmp_path):
    def find(name):
        lines = (tmp_path / "hosts").read_text().splitlines()
        return [line.split()[0] for line in lines if name in line.split()[1:]]

    return find


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("small.llm", ["10.244.1.2"]),
        ("small.llm.svc", ["10.244.1.2"]),
        ("small.llm.svc.cluster.local", ["10.244.1.2"]),
        ("small", []),
        ("kubernetes.default.svc", ["10.244.0.1"]),
        ("localhost", ["127.0.0.1", "::1"]),
    ],
)
def test_a_service_has_its_full_names_only(file, lookup, name, addresses):
    file.write([endpoints("small", "10.244.1.2")])
    assert lookup(name) == addresses


def test_an_endpoint_that_is_not_ready_has_no_name(file, lookup):
    file.write([endpoints("small", "10.244.1.2", ready=False)])
    assert lookup("small.llm.svc") == []


def test_a_name_stays_with_its_pod_while_that_is_ready(file, lookup):
    file.write([endpoints("small", "10.244.1.2")])
    file.write([endpoints("small", "10.244.1.1", "10.244.1.2")])
    assert lookup("small.llm") == ["10.244.1.2"]
    file.write([endpoints("small", "10.244.1.1")])
    assert lookup("small.llm") == ["10.244.1.1"]


def test_the_file_is_rewritten_in_place(file, tmp_path):
    before = (tmp_path / "hosts").stat().st_ino
    file.write([endpoints("a-very-long-name", "10.244.1.2")])
    file.write([endpoints("b", "10.244.1.3")])
    assert (tmp_path / "hosts").stat().st_ino == before
    assert "a-very-long-name" not in (tmp_path / "hosts").read_text()


def test_a_pod_with_a_name_of_its_own_is_found_by_it(file, lookup):
    file.write([endpoints("peers", "10.244.1.2", hostname="peer-0")])
    assert lookup("peer-0.peers.llm.svc.cluster.local") == ["10.244.1.2"]

import pytest
from unit.lab.kubelet.fakes import container, manifest
from weighbridge_lab.kubelet.downward import field_of, resource_of

POD = manifest(
    {"labels": {"b": "2", "a/x": 'say "hi"\n'}, "annotations": {"note": "n"}},
    serviceAccountName="router",
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.namespace", "llm"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['b']", "2"),
        ("metadata.labels['absent']", ""),
        ("metadata.annotations['note']", "n"),
        ("metadata.labels", 'a/x="say \\"hi\\"\\n"\nb="2"'),
        ("spec.nodeName", "a"),
        ("spec.serviceAccountName", "router"),
        ("status.podIPs", "10.244.1.9"),
    ],
)
def test_fields_are_read_by_their_path(path, value):
    assert field_of(POD, path, "10.244.1.9", "10.244.0.1") == value


RESOURCES = {"limits": {"cpu": "1500m", "memory": "1Gi"}, "requests": {"cpu": "100m"}}


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.cpu", None, "2"),
        ("limits.cpu", "0", "2"),
        ("limits.cpu", "1m", "1500"),
        ("limits.memory", "1Mi", "1024"),
        ("requests.cpu", "1m", "100"),
        ("requests.memory", "1", "1073741824"),
        ("limits.ephemeral-storage", "1", "7"),
        ("requests.nvidia.com/gpu", "1", "0"),
    ],
)
def test_resources_are_rounded_up_to_the_divisor(resource, divisor, value):
    capacity = {"cpu": "32", "ephemeral-storage": "7"}
    assert resource_of(container(resources=RESOURCES), resource, divisor, capacity) == value

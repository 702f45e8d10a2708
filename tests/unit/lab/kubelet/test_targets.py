import json

import pytest
from unit.lab.kubelet.fakes import manifest
from weighbridge_lab.kubelet.targets import TargetsFile, targets

PORTS = [{"name": "http", "containerPort": 8000}, {"name": "metrics", "containerPort": 9090}]


def pod(annotations=None, ports=PORTS):
    return manifest(
        {"annotations": annotations or {}, "labels": {"rollouts-pod-template-hash": "abc"}},
        containers=[{"name": "main", "image": "tool:1", "ports": ports}],
    )


def addresses(one):
    return [address for target in targets(one, "10.244.1.0") for address in target["targets"]]


@pytest.mark.parametrize(
    ("annotations", "ports", "expected"),
    [
        ({}, PORTS, ["10.244.1.0:9090"]),
        ({}, [{"name": "http-metrics", "containerPort": 1}], ["10.244.1.0:1"]),
        ({}, PORTS[:1], []),
        ({"prometheus.io/scrape": "false"}, PORTS[:1], []),
        ({"prometheus.io/scrape": "true"}, PORTS[:1], ["10.244.1.0:8000"]),
        (
            {"prometheus.io/scrape": "true", "prometheus.io/port": "8000"},
            PORTS,
            ["10.244.1.0:8000"],
        ),
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "15020"}, [], ["10.244.1.0:15020"]),
    ],
)
def test_a_pod_says_by_port_or_annotation_where_it_is_scraped(annotations, ports, expected):
    assert addresses(pod(annotations, ports)) == expected


def test_a_target_has_the_pods_labels():
    (target,) = targets(pod({"prometheus.io/path": "/stats"}), "10.244.1.0")
    assert target["labels"] == {
        "rollouts_pod_template_hash": "abc",
        "namespace": "llm",
        "pod": "pod",
        "node": "a",
        "container": "main",
        "port": "metrics",
        "__metrics_path__": "/stats",
    }


def test_the_file_is_replaced_and_only_when_it_changes(tmp_path):
    path = tmp_path / "targets.json"
    file = TargetsFile(path)
    file.write([(pod(), "10.244.1.0")])
    first = path.stat().st_ino
    assert json.loads(path.read_text())[0]["targets"] == ["10.244.1.0:9090"]
    file.write([(pod(), "10.244.1.0")])
    assert path.stat().st_ino == first
    file.write([])
    assert json.loads(path.read_text()) == []

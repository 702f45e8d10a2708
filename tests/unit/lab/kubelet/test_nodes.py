import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.kubelet.nodes import read_nodes
from weighbridge_lab.layout import Layout


def written(tmp_path, text):
    path = tmp_path / "nodes.yaml"
    path.write_text(text)
    return path


def test_nodes_are_read_with_their_labels_taints_and_capacity(tmp_path):
    text = """
    - name: gpu-a
      labels: {zone: a}
      taints: [{key: gpu, effect: NoSchedule}]
      capacity: {cpu: "4", nvidia.com/gpu: "8"}
    - name: plain
    """
    gpu, plain = read_nodes(written(tmp_path, text))
    assert (gpu.name, gpu.labels, gpu.capacity["nvidia.com/gpu"]) == ("gpu-a", {"zone": "a"}, "8")
    assert gpu.taints == [{"key": "gpu", "effect": "NoSchedule"}]
    assert plain.name == "plain"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected a list of nodes, got NoneType"),
        ("[]", "expected a list of nodes, got list"),
        ("a: b", "expected a list of nodes, got dict"),
        ("- {nam: a}", "expected entries with name, labels, taints, capacity"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, text, complaint):
    with pytest.raises(LabError, match=complaint):
        read_nodes(written(tmp_path, text))


def test_the_record_of_a_pod_is_where_the_lab_looks_for_it(tmp_path):
    from weighbridge_lab.kubelet.record import Record
    from weighbridge_lab.kubelet.sandbox import Sandbox

    layout = Layout(tmp_path)
    record = Record(layout.pods / "pods", "llm", "small-1")
    record.open(Sandbox("10.244.1.0", 42))
    assert layout.pod_anchor("llm", "small-1") == 42
    record.remove()
    with pytest.raises(LabError, match="no pod llm/small-1 runs here"):
        layout.pod_anchor("llm", "small-1")

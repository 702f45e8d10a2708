import subprocess

import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.layout import Layout
from weighbridge_lab.record import Record, _born


@pytest.fixture
def process():
    process = subprocess.Popen(["sleep", "99"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def record(tmp_path, process):
    ports = {"api": 1, "gateway": 8080}
    record = Record(str(tmp_path), process.pid, _born(process.pid), ports)
    record.write()
    return record


def test_lab_that_is_up_is_found(tmp_path, record):
    assert Record.find(tmp_path) == record


@pytest.mark.usefixtures("record")
def test_lab_that_has_ended_is_not_found(tmp_path, process):
    process.kill()
    process.wait()
    assert Record.find(tmp_path) is None


def test_process_that_took_over_the_number_is_not_taken_for_the_lab(tmp_path, record):
    Record(record.state, record.pid, record.born - 1, record.ports).write()
    assert Record.find(tmp_path) is None


def test_folder_without_a_lab_has_none(tmp_path):
    assert Record.find(tmp_path) is None


def test_end_waits_until_the_lab_is_gone(record, process):
    record.end()
    assert process.poll() is not None or _born(process.pid) is None


def test_guide_names_the_endpoint_and_the_kubeconfig(record, tmp_path):
    assert "http://127.0.0.1:8080/v1/chat/completions" in record.guide()
    assert str(tmp_path / "kubeconfig") in record.guide()


def test_pod_that_runs_nothing_is_told(tmp_path):
    with pytest.raises(LabError, match="no pod llm/x runs here"):
        Layout(tmp_path).pod_anchor("llm", "x")

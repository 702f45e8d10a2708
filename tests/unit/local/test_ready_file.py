import json

from weighbridge.local.ready_file import ReadyFile


def test_file_is_whole_and_replaced_in_one_step(tmp_path):
    path = tmp_path / "made" / "ready.json"
    ready = ReadyFile(path)
    ready.write({"a": 1})
    ready.write({"a": 2})
    assert json.loads(path.read_text()) == {"a": 2}
    assert list(path.parent.iterdir()) == [path]
    ready.remove()
    ready.remove()
    assert not path.exists()


def test_no_path_no_file():
    ready = ReadyFile(None)
    ready.write({})
    ready.remove()

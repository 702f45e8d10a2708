"""Spools: files for the owner's eyes alone, bounded in size, number and age, lines never torn."""

import os
import resource
import signal
from contextlib import contextmanager

import pytest
from weighbridge.errors import SettingsError
from weighbridge.settings import Capture
from weighbridge.spool import Spool, prepare_folder

DAY = 86_400.0
START = 1_700_000_000.0


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    prepare_folder(tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def spool(folder, clock):
    bounds = Capture(prompt_bytes=256, file_bytes=256, files=3, keep_s=8 * DAY)
    made = Spool(folder, bounds, clock)
    yield made
    made.close()


def line(letter, size=100):
    return letter.encode() * (size - 1) + b"\n"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def letters(folder):
    """The first letter of each line, file by file."""
    return [[text[:1] for text in (folder / n).read_text().splitlines()] for n in names(folder)]


@contextmanager
def files_no_larger_than(size):
    """A full disk, as far as a process without a disk of its own can have one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_folder_and_files_are_the_owners_alone(spool, folder):
    spool.write(line("a"))

    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_is_closed_before_it_grows_too_large(spool, folder, clock):
    for letter in "abc":
        spool.write(line(letter))
        clock.now += 1

    assert letters(folder) == [["a", "b"], ["c"]]
    assert all(path.stat().st_size <= 256 for path in folder.iterdir())


def test_the_oldest_file_goes_when_there_are_too_many(spool, folder, clock):
    for letter in "abcdefghij":
        spool.write(line(letter))
        clock.now += 1

    assert letters(folder) == [["e", "f"], ["g", "h"], ["i", "j"]]


def test_a_file_is_deleted_when_its_first_line_is_too_old(spool, folder, clock):
    spool.write(line("a"))
    clock.now += 8 * DAY
    spool.sweep()
    assert letters(folder) == [["a"]]

    clock.now += 1
    spool.sweep()

    assert names(folder) == []


def test_no_line_is_kept_for_less_than_most_of_its_time(spool, folder, clock):
    spool.write(line("a"))
    clock.now += 1.5 * DAY
    spool.write(line("b"))
    clock.now += 7 * DAY
    spool.sweep()

    assert letters(folder) == [["b"]]


def test_files_of_an_earlier_process_are_held_to_the_bounds_too(spool, folder):
    for day in ("20200101", "20231114", "20231113", "20231112", "20231111"):
        (folder / f"prompts-{day}T000000Z-0000000{day[-1]}.jsonl").write_text("x\n")

    spool.sweep()

    assert [name[8:16] for name in names(folder)] == ["20231112", "20231113", "20231114"]


def test_files_that_are_not_ours_are_left(spool, folder, clock):
    others = ["prompts.jsonl", "notes.txt", "prompts-20209999T000000Z-00000000.jsonl"]
    for name in others:
        (folder / name).write_text("mine")
    clock.now += 100 * DAY

    spool.sweep()

    assert names(folder) == sorted(others)


def test_two_routers_in_one_folder_keep_the_bounds_together(folder, clock):
    bounds = Capture(prompt_bytes=256, file_bytes=256, files=3, keep_s=8 * DAY)
    spools = [Spool(folder, bounds, clock) for _ in range(4)]
    for number, spool in enumerate(spools):
        spool.write(line(str(number)))
        clock.now += 1

    spools[0].write(line("z"))

    assert letters(folder) == [["2"], ["3"], ["z"]]
    for spool in spools:
        spool.close()


def test_a_spool_whose_file_was_deleted_opens_the_next(spool, folder):
    spool.write(line("a"))
    for path in folder.iterdir():
        path.unlink()

    spool.write(line("b"))

    assert letters(folder) == [["b"]]


def test_new_bounds_hold_from_the_next_line(spool, folder):
    spool.write(line("a"))
    spool.bounds = Capture(prompt_bytes=256, file_bytes=1000, files=2, keep_s=8 * DAY)

    for letter in "bcdefg":
        spool.write(line(letter))

    assert letters(folder) == [list("abcdefg")]


def test_a_line_that_the_disk_does_not_take_leaves_no_piece_behind(spool, folder):
    spool.write(line("a"))
    with files_no_larger_than(150), pytest.raises(OSError, match="too large"):
        spool.write(line("b"))

    spool.write(line("c"))

    assert letters(folder) == [["a", "c"]]


def test_a_file_that_can_not_be_opened_is_tried_again(spool, folder, tmp_path):
    folder.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        spool.write(line("a"))
    (tmp_path / "away").rename(folder)

    spool.write(line("b"))

    assert letters(folder) == [["b"]]


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_folder_that_others_can_enter_is_refused(tmp_path, mode):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(mode)

    with pytest.raises(SettingsError, match=rf"^capture\.folder: .*mode {mode:04o}.*chmod"):
        prepare_folder(tmp_path / "open")


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    with pytest.raises(SettingsError, match=r"user id 4711\), came mode 0700, user id"):
        prepare_folder(tmp_path / "theirs")


@pytest.mark.parametrize(("name", "message"), [("no/such", "No such file"), ("file", "exists")])
def test_a_folder_that_can_not_be_made_is_refused(tmp_path, name, message):
    (tmp_path / "file").write_text("x")

    with pytest.raises(SettingsError, match=f"can't be made: .*{message}"):
        prepare_folder(tmp_path / name)


def test_a_folder_that_can_not_be_written_is_refused(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_, **__: False)

    with pytest.raises(SettingsError, match="can't be written; is it mounted read-only"):
        prepare_folder(folder)


def test_a_folder_that_is_as_it_should_be_is_taken_again(folder):
    (folder / "prompts.jsonl").write_text("x")

    prepare_folder(folder)

    assert names(folder) == ["prompts.jsonl"]

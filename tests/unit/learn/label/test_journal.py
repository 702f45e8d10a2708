"""What was paid for outlives kills, cuts and full disks, and is never mixed with other settings."""

import asyncio
import errno
import json
import os
import subprocess
import sys

import pytest
from weighbridge.errors import LearnError
from weighbridge.learn.label.journal import Asked, Failed, Journal, Key, Paid
from weighbridge.learn.label.options import Role, Tokens

TERMS = {"small model": "gemma", "grader": "exact", "temperature": 0.0}
MOST = Tokens(10, 100)
KEY = Key("a", Role.SMALL)


def paid(name="a", role=Role.SMALL, step="", text="é\u2028\n“4”"):
    return Paid(name, role, "hash", text, "gemma", Tokens(7, 3), 0.5, "stop", step=step)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.jsonl.journal"


@pytest.fixture
def reopen(path):
    """Open the journal anew, as the next run does."""
    opened = []

    def again():
        for journal in opened:
            journal.close()
        opened[:] = [Journal.open(path)]
        return opened[0]

    yield again
    for journal in opened:
        journal.close()


@pytest.fixture
def journal(reopen):
    made = reopen()
    made.bind(TERMS)
    return made


def test_answers_of_before_are_found(journal, reopen):
    journal.append(paid())
    journal.append(paid(role=Role.JUDGE, step="small-first"))
    again = reopen()
    assert again.find(KEY) == paid()
    assert again.find(Key("a", Role.JUDGE, "small-first")).text == paid().text
    assert again.find(Key("a", Role.LARGE)) is None
    assert len(again.paid) == 2


@pytest.mark.usefixtures("journal")
def test_a_journal_is_for_its_owner_alone(path):
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("journal")
def test_the_same_terms_go_on(reopen):
    reopen().bind(dict(reversed(TERMS.items())))


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        (TERMS | {"grader": "regex"}, "grader: the journal has exact, this run regex"),
        (TERMS | {"judge": "big"}, "judge: the journal has none, this run big"),
        ({"grader": "exact", "temperature": 0.0}, "small model: the journal has gemma, this run"),
    ],
)
@pytest.mark.usefixtures("journal")
def test_other_terms_are_refused_by_name(reopen, terms, told):
    with pytest.raises(LearnError, match="another --out") as raised:
        reopen().bind(terms)
    assert told in str(raised.value)


@pytest.mark.parametrize("kept", [1, 20, -2])
def test_a_half_written_last_line_is_cut_off(journal, reopen, path, kept):
    journal.append(paid())
    whole = path.read_bytes()
    journal.append(paid("b"))
    line = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + line[:kept])
    again = reopen()
    assert again.repaired == len(line[:kept])
    assert set(again.paid) == {KEY}
    again.append(paid("b"))
    assert len(reopen().paid) == 2


def test_a_last_line_that_lacks_its_end_only_is_kept(journal, reopen, path):
    journal.append(paid())
    path.write_bytes(path.read_bytes()[:-1])
    again = reopen()
    assert again.find(KEY) == paid()
    again.append(paid("b"))
    assert len(reopen().paid) == 2


def test_nulls_after_a_power_cut_are_cut_off(journal, reopen, path):
    journal.append(paid())
    with path.open("ab") as file:
        file.write(b"\0" * 512)
    assert set(reopen().paid) == {KEY}


def test_a_run_killed_at_its_very_start_leaves_a_new_journal(path, reopen):
    path.write_bytes(b'{"kind":"ter')
    assert reopen().terms is None


def test_a_damaged_line_in_the_middle_is_told_by_number(path):
    terms = '{"kind":"terms","version":1,"terms":{}}\n'
    path.write_text(terms + '{"kind":"paid","id":\n' + '{"kind":"asked"}\n')
    with pytest.raises(LearnError, match=r":2: .*delete the line"):
        Journal.open(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"kind":"asked","id":"a","role":"small","most":{}}\n', "no journal"),
        ('{"kind":"terms","version":99,"terms":{}}\n', "version 1, came 99"),
    ],
)
def test_another_kind_of_file_is_refused(path, text, told):
    path.write_text(text)
    with pytest.raises(LearnError, match=told):
        Journal.open(path)
    assert path.read_text() == text


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(LearnError, match="can't be opened"):
        Journal.open(tmp_path / "none" / "journal")


@pytest.mark.usefixtures("journal")
def test_a_second_run_is_refused_while_the_first_holds_it(path):
    code = f"from weighbridge.learn.label.journal import *; Journal.open(Path({str(path)!r}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "in use by another run" in ran.stderr


@pytest.mark.parametrize(
    ("ends", "lost"),
    [
        ((), MOST),
        ((paid(),), Tokens()),
        ((Failed("a", Role.SMALL, "busy"),), Tokens()),
        ((Failed("a", Role.SMALL, "cut", charged=True),), MOST),
        ((Asked("a", Role.SMALL, MOST), paid()), MOST),
    ],
)
def test_a_request_that_may_have_been_charged_counts_as_lost(journal, reopen, ends, lost):
    journal.append(Asked("a", Role.SMALL, MOST))
    for end in ends:
        journal.append(end)
    again = reopen()
    assert again.lost[Role.SMALL] == lost
    assert again.lost[Role.LARGE] == Tokens()


def test_a_full_disk_leaves_no_half_line(journal, path, monkeypatch):
    journal.append(paid())
    before = path.read_bytes()
    write = os.write

    def full(descriptor, line):
        if len(line) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, line[: len(line) - 50])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(paid("b"))
    assert path.read_bytes() == before
    assert journal.find(Key("b", Role.SMALL)) is None


async def test_what_is_appended_is_brought_to_the_disk_in_the_background(journal, monkeypatch):
    synced = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(os, "fsync", lambda _: loop.call_soon_threadsafe(synced.set))
    task = asyncio.create_task(journal.keep_synced(0.001))
    journal.append(paid())
    await asyncio.wait_for(synced.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_lines_are_json_that_other_tools_read(journal, path):
    journal.append(paid())
    kinds = [json.loads(line)["kind"] for line in path.read_text().split("\n") if line]
    assert kinds == ["terms", "paid"]

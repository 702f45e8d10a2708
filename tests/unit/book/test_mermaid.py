"""Mermaid's script comes from the cache or from npm, and is the one that was named."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from unit.book.little_books import module

SCRIPT = b"draw()"


@pytest.fixture
def mermaid(monkeypatch):
    loaded = module("mermaid")
    monkeypatch.setattr(loaded, "SHA256", hashlib.sha256(SCRIPT).hexdigest())
    return loaded


def npm(monkeypatch, mermaid, content=SCRIPT):
    """Stand in for npm; tells what it was asked for."""
    asked = []

    def pack(command, **_):
        asked.append(command)
        archive = Path(command[command.index("--pack-destination") + 1], "mermaid.tgz")
        with tarfile.open(archive, "w:gz") as members:
            member = tarfile.TarInfo("package/dist/mermaid.min.js")
            member.size = len(content)
            members.addfile(member, io.BytesIO(content))

    monkeypatch.setattr(mermaid.shutil, "which", lambda _: "npm")
    monkeypatch.setattr(mermaid.subprocess, "run", pack)
    return asked


def test_npm_is_asked_once_for_the_version_that_is_named(tmp_path, monkeypatch, mermaid):
    asked = npm(monkeypatch, mermaid)

    kept = [mermaid.script(tmp_path) for _ in range(2)]

    assert kept[0] == kept[1]
    assert kept[0].read_bytes() == SCRIPT
    assert [command[2] for command in asked] == [f"mermaid@{mermaid.VERSION}"]


def test_another_script_than_the_one_named_is_refused(tmp_path, monkeypatch, mermaid):
    npm(monkeypatch, mermaid, content=b"mine()")

    with pytest.raises(SystemExit, match=r"expected Mermaid .* came .* Remove .*min\.js"):
        mermaid.script(tmp_path)


def test_diagrams_stay_text_where_npm_is_absent(tmp_path, monkeypatch, mermaid, capsys):
    monkeypatch.setattr(mermaid.shutil, "which", lambda _: None)
    monkeypatch.setattr(mermaid.Path, "home", lambda: tmp_path)

    mermaid.main()

    said = capsys.readouterr()
    assert said.out == ""
    assert "npm is not installed; diagrams stay text" in said.err


def test_diagrams_stay_text_where_npm_reaches_nothing(tmp_path, monkeypatch, mermaid, capsys):
    def fails(command, **_):
        raise subprocess.CalledProcessError(1, command)

    npm(monkeypatch, mermaid)
    monkeypatch.setattr(mermaid.subprocess, "run", fails)
    monkeypatch.setattr(mermaid.Path, "home", lambda: tmp_path)

    mermaid.main()

    said = capsys.readouterr()
    assert said.out == ""
    assert "npm did not fetch it" in said.err

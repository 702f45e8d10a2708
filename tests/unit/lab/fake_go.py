"""A `go` for tests: a script that notes its calls, can be held amid a build, and fails."""

import os
import shlex
from pathlib import Path

SCRIPT = """#!/bin/sh
cd {folder}
case "$1" in
env) printf '%s\\nlinux\\namd64\\n' "$(cat version)" ;;
mod) echo "$*" >>calls; cat answer ;;
build)
  echo "$*" >>calls
  while [ "$1" != -o ]; do shift; done
  printf half >"$2"
  if [ -p gate ]; then read word <gate; fi
  if [ -f failure ]; then cat failure >&2; exit 1; fi
  printf ' and half' >>"$2"
  chmod +x "$2" ;;
esac
"""
WHOLE = "half and half"


class FakeGo:
    def __init__(self, folder: Path, version: str = "go1.26.8") -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.binary = folder / "go"
        (folder / "version").write_text(version)
        self.binary.write_text(SCRIPT.format(folder=shlex.quote(str(folder))))
        self.binary.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        calls = self.folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    def answer(self, text: str) -> None:
        (self.folder / "answer").write_text(text)

    def fail(self, words: str) -> None:
        (self.folder / "failure").write_text(words)

    def hold(self) -> None:
        os.mkfifo(self.folder / "gate")

    def until_held(self) -> int:
        """Wait until a build has written half of its output; returns what `release` is given."""
        return os.open(self.folder / "gate", os.O_WRONLY)

    def release(self, held: int) -> None:
        os.write(held, b"on\n")
        os.close(held)

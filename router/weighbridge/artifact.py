"""A classifier artifact: a folder with `artifact.json` and the files it lists, verified on load.

``artifact.json`` holds the schema version, the kind of classifier, a name, and the SHA-256 of each
file. Nothing is executed: no pickle, only data. What is not known is refused.
"""

import hashlib
from pathlib import Path

import msgspec

from weighbridge.errors import ArtifactError

MANIFEST = "artifact.json"
SCHEMA_VERSION = 1
PACKAGED = Path(__file__).with_name("artifacts") / "lexical"
"""The artifact that ships with this package."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `artifact.json` says.

    Attributes:
        schema_version: of this format; only `SCHEMA_VERSION` is read.
        kind: which classifier reads the files.
        name: for logs and metrics.
        files: file name to SHA-256 in hex.
    """

    schema_version: int
    kind: str
    name: str
    files: dict[str, str]


class Artifact(msgspec.Struct, frozen=True):
    """A verified artifact, its files in memory.

    Attributes:
        manifest: as read.
        contents: file name to bytes.
        digest: SHA-256 of the manifest, in hex; names the artifact as a whole.
    """

    manifest: Manifest
    contents: dict[str, bytes]
    digest: str


def load_artifact(folder: Path | None = None) -> Artifact:
    """Read and verify an artifact.

    Args:
        folder: where it lies; None: the one that ships with this package.

    Raises:
        ArtifactError: saying which file is missing, damaged or of an unknown version.
    """
    folder = folder or PACKAGED
    raw = _read(folder, MANIFEST)
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ArtifactError(f"{folder / MANIFEST}: not an artifact manifest: {error}") from error
    if manifest.schema_version != SCHEMA_VERSION:
        raise ArtifactError(
            f"{folder}: expected schema version {SCHEMA_VERSION}, came {manifest.schema_version}; "
            "use an artifact made for this release"
        )
    contents = {name: _verified(folder, name, sha) for name, sha in manifest.files.items()}
    return Artifact(manifest, contents, hashlib.sha256(raw).hexdigest())


def _verified(folder: Path, name: str, expected: str) -> bytes:
    if name != Path(name).name:
        raise ArtifactError(f"{folder / MANIFEST}: {name!r} is not a plain file name")
    content = _read(folder, name)
    if (came := hashlib.sha256(content).hexdigest()) != expected:
        raise ArtifactError(
            f"{folder / name}: damaged: expected SHA-256 {expected[:12]}…, came {came[:12]}…; "
            "copy the artifact again as a whole"
        )
    return content


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{folder / name}: can't be read: {error.strerror}") from error


def write_manifest(folder: Path, *, kind: str, name: str) -> Manifest:
    """Write `artifact.json` for the files that lie in `folder`."""
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != MANIFEST
    }
    manifest = Manifest(SCHEMA_VERSION, kind, name, files)
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(encoded + b"\n")
    return manifest

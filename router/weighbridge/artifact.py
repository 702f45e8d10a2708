"""A classifier artifact: a folder with `artifact.json` and the files it lists, verified on load.

``artifact.json`` says what the files are and where they come from. Nothing is executed: numbers lie
in safetensors, the encoder in ONNX, words in text; no pickle. What is not known is refused.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.errors import ArtifactError

MANIFEST: Final = "artifact.json"
SCHEMA_VERSION: Final = 2
PACKAGED: Final = Path(__file__).with_name("artifacts") / "default"
"""The artifact that ships with this package."""


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The models that an artifact was fitted to."""

    small: str
    large: str


class Training(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an artifact was made of.

    Attributes:
        weighbridge: version that made it.
        command: that made it.
        seed: of everything drawn.
        rows: prompts it was fitted to.
        data: SHA-256 in hex of each file of data, by name.
        choices: what cross-validation chose.
    """

    weighbridge: str
    command: str
    seed: int
    rows: int
    data: dict[str, str]
    choices: dict[str, Any] = {}


class CalibrationSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What traffic the percentiles are of.

    Attributes:
        source: in words.
        rows: prompts of it.
        replaces: digest of the artifact that was calibrated anew, if it was.
    """

    source: str
    rows: int
    replaces: str = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `artifact.json` says.

    Attributes:
        schema_version: of this format; only `SCHEMA_VERSION` is read.
        kind: which classifier reads the files.
        name: for logs and metrics.
        files: file name to SHA-256 in hex.
        target: what the raw score estimates: ``difficulty`` or ``gain``.
        pair: the models it was fitted to; absent: fitted to none in particular.
        training: what it was made of.
        calibration: what its percentiles are of.
        metrics: what was measured when it was made, by name.
    """

    schema_version: int
    kind: str
    name: str
    files: dict[str, str]
    target: str = "difficulty"
    pair: Pair | None = None
    training: Training | None = None
    calibration: CalibrationSource | None = None
    metrics: dict[str, Any] = {}


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
    _check_version(folder, raw)
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{folder / MANIFEST}: not an artifact manifest: {error}") from error
    contents = {name: _verified(folder, name, sha) for name, sha in manifest.files.items()}
    return Artifact(manifest, contents, hashlib.sha256(raw).hexdigest())


class _Version(msgspec.Struct):
    schema_version: int


def _check_version(folder: Path, raw: bytes) -> None:
    """First of all: a later version may have fields that this release can't decode."""
    try:
        came = msgspec.json.decode(raw, type=_Version).schema_version
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{folder / MANIFEST}: not an artifact manifest: {error}") from error
    if came != SCHEMA_VERSION:
        raise ArtifactError(
            f"{folder}: expected schema version {SCHEMA_VERSION}, came {came}; "
            "use an artifact made for this release"
        )


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


def write_manifest(
    folder: Path, *, kind: str, name: str, facts: Mapping[str, Any] | None = None
) -> Manifest:
    """Write `artifact.json` for the files that lie in `folder`.

    Args:
        folder: of the artifact.
        kind: as in `Manifest`.
        name: as in `Manifest`.
        facts: further fields of `Manifest`.
    """
    for path in folder.iterdir():
        # The router runs as another user than who trained; safetensors writes for one alone.
        path.chmod(0o644)
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != MANIFEST
    }
    manifest = Manifest(SCHEMA_VERSION, kind, name, files, **(facts or {}))
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(encoded + b"\n")
    return manifest

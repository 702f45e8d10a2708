"""An artifact's folder in, a copy of it with another calibration out.

Weights, metadata and all else stay as they are; the manifest is treated as the JSON that it is, so
that fields of a later release survive.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from safetensors import safe_open
from safetensors.numpy import save_file

from weighbridge.artifact import MANIFEST, Artifact, load_artifact
from weighbridge.calibration import TENSOR, Calibration
from weighbridge.errors import ArtifactError
from weighbridge.stages import STAGE_1, read_tensors


def calibration_of(artifact: Artifact) -> Calibration | None:
    """The calibration that an artifact holds; None if it was never calibrated.

    Raises:
        ArtifactError: if it holds one that can't be used.
    """
    if STAGE_1 not in artifact.contents:
        return None
    tensors = read_tensors(artifact, STAGE_1)
    return Calibration.from_array(tensors[TENSOR]) if TENSOR in tensors else None


def replace_calibration(
    source: Path, target: Path, calibration: Calibration, facts: Mapping[str, Any]
) -> Artifact:
    """Write a copy of an artifact with another calibration, whole or not at all.

    Args:
        source: folder of the artifact; verified first.
        target: the new folder; must not exist, since a router may be serving from it.
        calibration: takes the place of the one in `source`.
        facts: where it comes from; takes the place of the manifest's `calibration`, if it has one.

    Raises:
        ArtifactError: if the source can't be used or is not calibrated, or the target is in the
            way or can't be written.
    """
    if calibration_of(load_artifact(source)) is None:
        raise ArtifactError(f"{source}: holds no calibration that could be replaced")
    if target.exists():
        raise ArtifactError(
            f"{target}: is there already; name a new folder, for a router may serve"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=target.parent) as draft:
            _write(source, Path(draft, "artifact"), calibration, facts)
            written = load_artifact(Path(draft, "artifact"))
            Path(draft, "artifact").rename(target)
    except OSError as error:
        raise ArtifactError(f"{target}: can't be written: {error.strerror}") from error
    return written


def _write(source: Path, draft: Path, calibration: Calibration, facts: Mapping[str, Any]) -> None:
    manifest: dict[str, Any] = msgspec.json.decode((source / MANIFEST).read_bytes())
    draft.mkdir()
    for name in manifest["files"]:
        shutil.copyfile(source / name, draft / name)
    _write_tensors(source / STAGE_1, draft / STAGE_1, calibration)
    manifest["files"][STAGE_1] = hashlib.sha256((draft / STAGE_1).read_bytes()).hexdigest()
    if "calibration" in manifest:
        manifest["calibration"] = dict(facts)
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (draft / MANIFEST).write_bytes(encoded + b"\n")


def _write_tensors(source: Path, target: Path, calibration: Calibration) -> None:
    with safe_open(source, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    save_file({**tensors, TENSOR: calibration.to_array()}, target, metadata)

"""Artifacts: read whole and verified, or refused with the file that is at fault."""

import hashlib
import json

import pytest
from weighbridge.artifact import MANIFEST, PACKAGED, load_artifact, write_manifest
from weighbridge.errors import ArtifactError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.json").write_bytes(b"{}")
    (folder / "vocabulary.txt").write_bytes(b"a b c")
    write_manifest(folder, kind="lexical", name="test-1")
    return folder


def rewrite(folder, **changes):
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")


def test_what_was_written_is_read_back(folder):
    artifact = load_artifact(folder)

    assert artifact.contents == {"weights.json": b"{}", "vocabulary.txt": b"a b c"}
    assert (artifact.manifest.kind, artifact.manifest.name) == ("lexical", "test-1")
    assert artifact.digest == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def test_the_digest_follows_the_content(folder):
    before = load_artifact(folder).digest
    (folder / "weights.json").write_bytes(b"[]")
    write_manifest(folder, kind="lexical", name="test-1")

    assert load_artifact(folder).digest != before


def test_folders_inside_are_not_listed(folder):
    (folder / "notes").mkdir()

    assert set(write_manifest(folder, kind="lexical", name="x").files) == {
        "weights.json",
        "vocabulary.txt",
    }


def test_the_packaged_artifact_is_whole():
    assert load_artifact().contents.keys() == load_artifact(PACKAGED).contents.keys()
    assert load_artifact().manifest.kind == "lexical"


def test_a_damaged_file_is_refused_by_name(folder):
    (folder / "vocabulary.txt").write_bytes(b"a b d")

    with pytest.raises(ArtifactError, match=r"vocabulary\.txt: damaged: expected SHA-256 [0-9a-f]"):
        load_artifact(folder)


def test_a_missing_file_is_refused_by_name(folder):
    (folder / "weights.json").unlink()

    with pytest.raises(ArtifactError, match=r"weights\.json: can't be read: No such file"):
        load_artifact(folder)


@pytest.mark.parametrize("missing", ["", "absent"])
def test_a_folder_without_manifest_is_refused(tmp_path, missing):
    with pytest.raises(ArtifactError, match=r"artifact\.json: can't be read"):
        load_artifact(tmp_path / missing)


@pytest.mark.parametrize("version", [0, 2, 10**9])
def test_another_schema_version_is_refused(folder, version):
    rewrite(folder, schema_version=version)

    with pytest.raises(ArtifactError, match=f"expected schema version 1, came {version}"):
        load_artifact(folder)


@pytest.mark.parametrize(
    "changes",
    [{"schema_version": "1"}, {"extra": 1}, {"files": ["weights.json"]}, {"files": {"a": None}}],
)
def test_a_manifest_of_another_shape_is_refused(folder, changes):
    rewrite(folder, **changes)

    with pytest.raises(ArtifactError, match="not an artifact manifest"):
        load_artifact(folder)


def test_a_manifest_that_is_not_json_is_refused(folder):
    (folder / MANIFEST).write_bytes(b"\x80\x04pickle")

    with pytest.raises(ArtifactError, match="not an artifact manifest"):
        load_artifact(folder)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "sub/file", "..", ".", "", "a/../weights.json"]
)
def test_a_file_outside_the_folder_is_never_read(folder, name):
    (folder.parent / "secret").write_bytes(b"secret")
    rewrite(folder, files={name: hashlib.sha256(b"secret").hexdigest()})

    with pytest.raises(ArtifactError):
        load_artifact(folder)

"""Artifacts: read whole and verified, or refused with the file that is at fault."""

import hashlib
import json

import pytest
from weighbridge.artifact import (
    MANIFEST,
    PACKAGED,
    CalibrationSource,
    Pair,
    Training,
    load_artifact,
    write_manifest,
)
from weighbridge.errors import ArtifactError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.json").write_bytes(b"{}")
    (folder / "vocabulary.txt").write_bytes(b"a b c")
    write_manifest(folder, kind="kernel", name="test-1")
    return folder


def rewrite(folder, **changes):
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")


def test_what_was_written_is_read_back(folder):
    artifact = load_artifact(folder)

    assert artifact.contents == {"weights.json": b"{}", "vocabulary.txt": b"a b c"}
    assert (artifact.manifest.kind, artifact.manifest.name) == ("kernel", "test-1")
    assert artifact.digest == hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def test_the_digest_follows_the_content(folder):
    before = load_artifact(folder).digest
    (folder / "weights.json").write_bytes(b"[]")
    write_manifest(folder, kind="kernel", name="test-1")

    assert load_artifact(folder).digest != before


def test_facts_are_written_and_read_back(folder):
    facts = {
        "target": "gain",
        "pair": Pair("small-1", "large-1"),
        "training": Training("0.1.0", "learn fit", 1, 10, {"a.jsonl": "00ff"}, {"gamma": 0.3}),
        "calibration": CalibrationSource("a test", 10),
        "metrics": {"apgr": 0.7},
    }
    write_manifest(folder, kind="kernel", name="fitted", facts=facts)

    manifest = load_artifact(folder).manifest

    assert {name: getattr(manifest, name) for name in facts} == facts


def test_a_file_that_is_not_listed_is_not_read(folder):
    (folder / "rows.json").write_bytes(b"[]")

    assert "rows.json" not in load_artifact(folder).contents


def test_folders_inside_are_not_listed(folder):
    (folder / "notes").mkdir()

    assert set(write_manifest(folder, kind="kernel", name="x").files) == {
        "weights.json",
        "vocabulary.txt",
    }


def test_the_packaged_artifact_is_whole():
    assert load_artifact().contents.keys() == load_artifact(PACKAGED).contents.keys()
    assert load_artifact().manifest.kind == "kernel"


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


@pytest.mark.parametrize("version", [0, 1, 3, 10**9])
@pytest.mark.parametrize("more", [{}, {"a_field_of_tomorrow": 1, "files": []}])
def test_another_schema_version_is_refused_whatever_else_it_has(folder, version, more):
    rewrite(folder, schema_version=version, **more)

    with pytest.raises(
        ArtifactError,
        match=f"expected schema version 2, came {version}; use an artifact made for this release",
    ):
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

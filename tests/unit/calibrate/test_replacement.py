"""Replacement: the copy differs in its calibration alone, and is there whole or not at all."""

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from unit.calibrate.fakes import SERVED, write_artifact
from weighbridge.artifact import MANIFEST, load_artifact
from weighbridge.calibrate import replacement
from weighbridge.calibrate.replacement import calibration_of, replace_calibration
from weighbridge.calibration import Calibration
from weighbridge.errors import ArtifactError
from weighbridge.stages import STAGE_1

FRESH = Calibration([1.0, 2.0, 4.0])
FACTS = {"source": "a test", "rows": 3}


@pytest.fixture
def source(tmp_path):
    return write_artifact(tmp_path / "model")


def manifest_of(folder):
    return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))


def test_the_copy_holds_the_new_calibration_and_is_verified(source, tmp_path):
    written = replace_calibration(source, tmp_path / "new", FRESH, FACTS)

    assert calibration_of(load_artifact(tmp_path / "new")) == FRESH
    assert written.digest == load_artifact(tmp_path / "new").digest
    assert calibration_of(load_artifact(source)) == SERVED


def test_all_else_stays_as_it_was(source, tmp_path):
    replace_calibration(source, tmp_path / "new", FRESH, FACTS)

    old, new = (load_file(folder / STAGE_1) for folder in (source, tmp_path / "new"))
    assert np.array_equal(old["weights"], new["weights"])
    assert set(old) == set(new)
    with safe_open(tmp_path / "new" / STAGE_1, framework="numpy") as file:
        assert file.metadata() == {"made_by": "a test"}
    before, after = manifest_of(source), manifest_of(tmp_path / "new")
    assert before["files"].pop(STAGE_1) != after["files"].pop(STAGE_1)
    assert before == after


def test_fields_of_another_release_survive_and_the_calibration_says_where_it_is_from(
    tmp_path, monkeypatch
):
    source = write_artifact(tmp_path / "model", calibration_of_old="?")
    fields = manifest_of(source) | {"calibration": {"rows": 1}, "pair": {"small": "a"}}
    (source / MANIFEST).write_text(json.dumps(fields), encoding="utf-8")
    monkeypatch.setattr(replacement, "load_artifact", lambda _: None)
    monkeypatch.setattr(replacement, "calibration_of", lambda _: SERVED)

    replace_calibration(source, tmp_path / "new", FRESH, FACTS)

    after = manifest_of(tmp_path / "new")
    assert after["calibration"] == FACTS
    assert after["pair"] == {"small": "a"}


def test_the_same_calibration_gives_the_same_bytes(source, tmp_path):
    for name in ("one", "two"):
        replace_calibration(source, tmp_path / name, FRESH, FACTS)

    for name in (STAGE_1, MANIFEST, "vocabulary.txt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_folders_above_are_made_and_no_draft_is_left(source, tmp_path):
    replace_calibration(source, tmp_path / "a" / "b", FRESH, FACTS)

    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_folder_that_is_there_is_never_written_over(source):
    with pytest.raises(ArtifactError, match="is there already; name a new folder"):
        replace_calibration(source, source, FRESH, FACTS)


def test_a_damaged_artifact_is_not_passed_on(source, tmp_path):
    (source / "vocabulary.txt").write_bytes(b"a b d")

    with pytest.raises(ArtifactError, match=r"vocabulary\.txt: damaged"):
        replace_calibration(source, tmp_path / "new", FRESH, FACTS)
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_written_is_told_and_leaves_nothing(source, tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ArtifactError, match="can't be written: File exists"):
        replace_calibration(source, tmp_path / "file" / "new", FRESH, FACTS)


def test_an_artifact_without_calibration_gets_none(tmp_path):
    bare = write_artifact(tmp_path / "bare", calibration=None)

    assert calibration_of(load_artifact(bare)) is None
    with pytest.raises(ArtifactError, match="holds no calibration that could be replaced"):
        replace_calibration(bare, tmp_path / "new", FRESH, FACTS)


def test_a_file_that_is_no_safetensors_is_refused(source):
    artifact = load_artifact(source)
    artifact.contents[STAGE_1] = b"words"

    with pytest.raises(ArtifactError, match=r"stage1\.safetensors: not a safetensors file"):
        calibration_of(artifact)

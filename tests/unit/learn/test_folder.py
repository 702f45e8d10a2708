"""The folder of a new artifact: whole or not at all, and it says where it comes from."""

import hashlib

import msgspec
import numpy as np
import pytest
from unit.artifacts import write_tiny
from unit.learn.pairs import few_combinations, labels
from weighbridge.artifact import load_artifact
from weighbridge.errors import LearnError
from weighbridge.learn import folder as written
from weighbridge.learn.fit import FitOptions, fit
from weighbridge.learn.folder import drafted
from weighbridge.learn.records import write_lines

LABELS = labels(110)


@pytest.fixture(scope="module", autouse=True)
def _quick():
    with few_combinations():
        yield


def fill(folder):
    (folder / "file").write_text("content", encoding="utf-8")


def test_what_was_written_stands_under_its_name_and_nothing_else_does(tmp_path):
    out = tmp_path / "deep" / "er" / "out"

    with drafted(out) as folder:
        fill(folder)
        assert not out.exists()

    assert [path.name for path in out.iterdir()] == ["file"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def fill_and_fail(out, raised):
    with drafted(out) as folder:
        fill(folder)
        raise raised


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, LearnError])
def test_what_is_raised_half_way_passes_and_leaves_nothing(tmp_path, raised):
    with pytest.raises(raised):
        fill_and_fail(tmp_path / "out", raised)

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    with pytest.raises(LearnError, match="out: can't be written: No space left"):
        fill_and_fail(tmp_path / "out", OSError(28, "No space left on device"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_what_is_there_already_is_never_written_over(tmp_path, make):
    getattr(tmp_path / "out", make)()

    with (
        pytest.raises(LearnError, match="out: is there already, and a router may serve from it"),
        drafted(tmp_path / "out"),
    ):
        pytest.fail("it was begun")


def test_a_folder_that_can_not_be_made_is_told_before_any_work(tmp_path):
    (tmp_path / "file").touch()

    with (
        pytest.raises(LearnError, match="out: can't be written"),
        drafted(tmp_path / "file" / "out"),
    ):
        pytest.fail("it was begun")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    base = write_tiny(folder / "base", second_stage=True)
    fit(LABELS, FitOptions(out=folder / "out", base=base, name="ours", held_out=0.05, seed=7))
    return folder


def test_the_manifest_says_what_the_artifact_is_made_of(made):
    write_lines(made / "labels.jsonl", LABELS)

    manifest = load_artifact(made / "out").manifest

    assert (manifest.name, manifest.target) == ("ours", "gain")
    assert (manifest.pair.small, manifest.pair.large) == ("tiny", "huge")
    assert (manifest.training.rows, manifest.training.seed) == (104, 7)
    assert manifest.training.data == {
        "base": load_artifact(made / "base").digest,
        "labels": hashlib.sha256((made / "labels.jsonl").read_bytes()).hexdigest(),
    }
    assert manifest.training.choices.keys() == {"stage1", "stage2"}
    assert manifest.calibration.rows == 104
    assert manifest.metrics["apgr_out_of_fold"] == manifest.training.choices["stage1"]["apgr"]


def test_every_file_is_listed_with_its_digest(made):
    names = {path.name for path in (made / "out").iterdir()}

    assert names - {"artifact.json"} == load_artifact(made / "out").contents.keys()
    assert names >= {"rows.json", "learning_curve.json", "stage1.safetensors", "stage2.onnx"}


def test_the_rows_that_it_was_fitted_to_are_listed(made):
    rows = msgspec.json.decode((made / "out" / "rows.json").read_bytes())

    assert len(set(rows)) == len(rows) == 104
    assert set(rows) < {label.id for label in LABELS}


def test_who_may_read_the_manifest_may_read_every_file(made):
    """A router that runs as another user would find its artifact damaged otherwise."""
    modes = {path.stat().st_mode for path in (made / "out").iterdir()}

    assert len(modes) == 1


def test_no_prompt_stands_in_it(made):
    words = LABELS[0].prompt.encode()

    assert not any(words in path.read_bytes() for path in (made / "out").iterdir())


def test_both_stages_have_one_middle(made, monkeypatch):
    """The calibration is stage 1's; a stage 2 beside it would send all its prompts one way."""
    seen = {}

    def heads(_, stage, *, states):
        seen[states] = stage
        return {"bias": np.zeros(1), "weights": np.zeros((1, 1))}

    monkeypatch.setattr(written, "_heads", heads)
    saved = []
    monkeypatch.setattr(written, "save", lambda tensors: saved.append(tensors) or b"")
    fit(LABELS, FitOptions(out=made / "other", base=made / "base", held_out=0))

    first, second = (np.median(seen[states].raws) for states in (False, True))
    assert saved[1]["bias"][0] + second == pytest.approx(first)

"""`make train`, small: the same inputs give the same bytes, and nothing public is read."""

import sys

import numpy as np
import pytest
from unit.artifacts import write_tiny
from unit.training.ground import cases, prompt, write_ground
from weighbridge.artifact import load_artifact
from weighbridge.classifier import KIND, make_classifier
from weighbridge.learn.quality import separation
from weighbridge.learn.rows import ask_of_text
from weighbridge_training import material, train
from weighbridge_training.public import PUBLIC
from weighbridge_training.train import calibrate

FILES = {"artifact.json", "vocabulary.txt", "stage1.safetensors", "stage2.onnx"} | {
    "stage2.safetensors"
}


@pytest.fixture(scope="module", autouse=True)
def small():
    """Few combinations, folds and landmarks; tasks of a few rows count."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "GAMMAS": (0.5,),
            "RIDGES": (0.1, 1.0),
            "SHARES": (0.0, 1.5),
            "LESSONS": (0.4,),
            "LENGTHS": (0.0, 0.1),
            "FOLDS": 3,
            "LANDMARKS": {1: 30, 2: 30},
            "_LEAST_ROWS": 10,
        }.items():
            patch.setattr(train, name, value)
        yield


def run(folder, out, *more):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(material, "CASES", folder / "cases")
        data = ["--data", folder / "data", "--base", folder / "base", "--out", out]
        patch.setattr(sys, "argv", ["train", *map(str, [*data, *more])])
        train.main()
    return out


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_ground(tmp_path_factory.mktemp("ground"))
    write_tiny(folder / "base", second_stage=True)
    return folder


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    return run(folder, tmp_path_factory.mktemp("made") / "out")


@pytest.fixture(scope="module")
def classifier(made):
    return make_classifier(load_artifact(made))


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_hard_prompts_never_seen_score_in_the_upper_half_and_easy_ones_do_not(classifier, stage):
    def scores(*, hard):
        asks = [ask_of_text(f"{prompt(number, hard=hard)} zebra") for number in range(50, 80)]
        raws = [getattr(classifier, stage).raw(classifier.features(ask)) for ask in asks]
        return classifier.calibration.percentiles(np.array(raws))

    easy, hard = scores(hard=False), scores(hard=True)
    assert separation(easy, hard) > 0.9
    # What lies between all easy and all hard cases scores one half, and a little above.
    assert np.median(easy) < 0.55 < np.median(hard)


def test_the_same_inputs_give_the_same_bytes(folder, made, tmp_path):
    assert bytes_of(run(folder, tmp_path / "again")) == bytes_of(made)


def test_nothing_under_public_is_read(folder, made, tmp_path):
    """Each public file is a folder here: whoever opened one would fail."""
    public = folder / "data" / "public"
    for which in PUBLIC:
        (public / f"{which.file}.jsonl.gz").mkdir(parents=True, exist_ok=True)

    assert bytes_of(run(folder, tmp_path / "again")) == bytes_of(made)


def test_an_artifact_can_be_trained_over_the_one_it_takes_its_base_from(folder, made, tmp_path):
    own = write_tiny(tmp_path / "own", second_stage=True)

    run(folder, own, "--base", str(own))

    assert bytes_of(own) == bytes_of(made)


def test_the_manifest_says_what_it_was_trained_on_and_what_was_chosen(made):
    manifest = load_artifact(made).manifest

    assert (manifest.kind, manifest.name, manifest.target) == (KIND, "default", "difficulty")
    assert manifest.pair is None
    assert {path.name for path in made.iterdir()} == FILES
    assert manifest.training.data.keys() == {
        "g.jsonl",
        "llmrouter_train.jsonl.gz",
        "mmlupro_train.jsonl.gz",
    }
    assert manifest.training.seed == train.SEED
    assert manifest.calibration.rows == len(cases())
    for stage, stretch in (("stage1", train.STRETCH_1), ("stage2", train.STRETCH_2)):
        chosen = manifest.training.choices[stage]
        assert chosen["stretch"] == stretch
        assert chosen["ridge"] in train.RIDGES
        assert chosen["share"] in train.SHARES
        assert chosen["length"] in train.LENGTHS
        assert chosen["lesson"] in (*train.LESSONS, 1.0)


def test_who_may_read_the_manifest_may_read_every_file(made):
    assert len({path.stat().st_mode for path in made.iterdir()}) == 1


def test_every_combination_is_told(folder, tmp_path, capsys):
    run(folder, tmp_path / "out")

    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("stage 1: gamma") for line in lines) == 8
    assert sum(line.startswith("stage 2: gamma") for line in lines) == 8
    assert lines[-1].startswith("out: ")


@pytest.mark.parametrize(
    ("option", "said"),
    [("--data", "there is no such file"), ("--base", "expected an artifact of two stages")],
)
def test_a_folder_that_is_not_there_is_told_in_a_line(folder, tmp_path, option, said):
    with pytest.raises(SystemExit, match=f"train: .*{said}"):
        run(folder, tmp_path / "out", option, str(tmp_path / "nowhere"))

    assert not (tmp_path / "out").exists()


def test_half_of_the_calibration_traffic_is_easy_whatever_the_cases_are():
    """Nine easy cases stand beside one hard one; a threshold of one half must part them."""
    raws = np.concatenate([np.linspace(0, 1, 900), np.linspace(2, 3, 100)])
    grades = np.array([1.0] * 900 + [5.0] * 100)

    calibration = calibrate(raws, grades)

    assert 1 < calibration.raw(0.5) < 2
    assert calibration.percentile(0.5) == pytest.approx(0.25, abs=0.01)
    assert calibration.percentile(2.5) == pytest.approx(0.75, abs=0.01)


def test_a_toss_up_is_no_part_of_the_calibration():
    raws, grades = np.array([0.0, 1, 2, 3, 900]), np.array([1.0, 2, 4, 5, 3])

    assert calibrate(raws, grades).raw(1.0) == 3

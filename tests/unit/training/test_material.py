"""What the default artifact is trained on, and that it is nothing else."""

import hashlib
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from unit.artifacts import WIDTH, write_tiny
from unit.training.ground import cases, prompt, write_ground
from weighbridge.artifact import load_artifact
from weighbridge.errors import ArtifactError, RecordError
from weighbridge.learn.rows import ask_of, ask_of_text
from weighbridge.stages import ENCODER, STAGE_1, VOCABULARY
from weighbridge_training import material
from weighbridge_training.material import digests, failures, gather, read_base
from weighbridge_training.sets import Row


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_ground(tmp_path_factory.mktemp("ground"))
    write_tiny(folder / "base", second_stage=True)
    return folder


@pytest.fixture
def base(folder):
    return read_base(folder / "base")


@pytest.fixture
def training(folder, base, monkeypatch):
    monkeypatch.setattr(material, "CASES", folder / "cases")
    return gather(folder / "data", base.featurizer, base.encoder, 1)


def test_cases_come_first_in_their_order_and_recorded_prompts_last(training, base):
    wanted = ask_of_text(prompt(3, hard=True))

    assert training.originals == len(cases())
    assert training.grades[: training.originals].tolist() == [one["difficulty"] for one in cases()]
    assert np.array_equal(training.cases.rows[3], base.featurizer.extract(wanted).row)
    assert len(training.recorded.rows) == len(training.failures) == len(training.tasks) == 60
    whole = training.rows(states=False)
    assert np.array_equal(whole[: len(training.grades)], training.cases.rows)
    assert np.array_equal(whole[len(training.grades) :], training.recorded.rows)


def test_a_chat_is_graded_by_its_last_ask(training, base):
    asked = ask_of_text(prompt(1, hard=True))

    row = training.cases.rows[training.originals - 1]
    assert np.array_equal(row, base.featurizer.extract(asked).row)


def test_a_copy_has_the_grade_of_its_case_and_weighs_less(training):
    copies = np.arange(training.originals, len(training.grades))

    assert len(copies) > 0
    assert np.array_equal(training.grades[copies], training.grades[training.parents[copies]])
    weights = training.weights(0.25)
    assert set(weights[: training.originals]) == {1.0}
    assert set(weights[copies]) == {material.COPY} < {1.0, material.COPY}
    assert set(weights[len(training.grades) :]) == {0.25}
    differ = training.cases.rows[copies] != training.cases.rows[training.parents[copies]]
    assert differ.any(axis=1).mean() > 0.9


def test_a_prompt_speaks_only_of_what_is_known_of_it(training):
    cases = len(training.grades)
    targets = training.targets()

    assert np.isnan(targets[:cases, 1]).all()
    assert np.isnan(targets[cases:, 0]).all()
    assert not np.isnan(targets[:cases, 0]).any()
    taught = training.targets(np.full(60, 2.5))
    assert set(taught[cases:, 0]) == {2.5}
    assert np.array_equal(taught[:cases, 0], training.grades)


def test_failures_say_nothing_across_tasks(training):
    tasks = np.array(training.tasks)

    for task in np.unique(tasks):
        assert training.failures[tasks == task].mean() == pytest.approx(0)


def test_a_model_that_was_not_asked_does_not_count():
    rows = [
        Row("a", "x", "t", scores={"one": 1.0, "two": None}),
        Row("b", "x", "t", scores={"one": 0.0, "two": 0.5}),
    ]

    assert failures(rows).tolist() == pytest.approx([-0.375, 0.375])


def test_pairs_are_judged_on_the_rows_that_have_both_scores(training):
    assert [gap.rows.tolist() for gap in training.gaps] == [list(range(60))] * 3
    assert training.gaps[0].outcomes.weak.tolist() == [1.0, 0.0] * 30


def test_gold_labels_whose_rows_are_public_too_are_not_read(folder, base, training, tmp_path):
    """A folder in place of the file: whoever opened it would fail."""
    shutil.copytree(folder / "data", tmp_path / "data")
    gold = tmp_path / "data" / "train" / "mmlu_gold1500.jsonl.gz"
    gold.unlink()
    gold.mkdir()

    again = gather(tmp_path / "data", base.featurizer, base.encoder, 1)

    assert np.array_equal(again.recorded.rows, training.recorded.rows)


def test_the_same_seed_makes_the_same_copies_and_another_does_not(folder, base, monkeypatch):
    monkeypatch.setattr(material, "CASES", folder / "cases")

    one, same, other = (
        gather(folder / "data", base.featurizer, base.encoder, seed).cases.rows.tobytes()
        for seed in (1, 1, 2)
    )

    assert one == same != other


def test_every_file_that_was_read_has_its_digest(folder, monkeypatch):
    monkeypatch.setattr(material, "CASES", folder / "cases")

    found = digests(folder / "data")

    assert found.keys() == {"g.jsonl", "llmrouter_train.jsonl.gz", "mmlupro_train.jsonl.gz"}
    for path in (folder / "data" / "train").iterdir():
        wanted = hashlib.sha256(path.read_bytes()).hexdigest()
        assert found.get(path.name) == (None if "gold" in path.name else wanted)


def test_data_that_is_missing_is_told(folder, base, tmp_path, monkeypatch):
    monkeypatch.setattr(material, "CASES", folder / "cases")

    with pytest.raises(RecordError, match="there is no such file"):
        gather(tmp_path, base.featurizer, base.encoder, 1)


def test_a_base_may_be_an_artifact_or_what_make_base_writes(folder, tmp_path):
    artifact = folder / "base"
    made = tmp_path / "made"
    made.mkdir()
    for name in (VOCABULARY, ENCODER):
        shutil.copy(artifact / name, made)
    tensors = load_file(artifact / STAGE_1)
    save_file({n: tensors[n] for n in ("table", "table_step")}, made / "table.safetensors")

    one, other = read_base(artifact), read_base(made)

    ask = ask_of(b'{"messages": [{"role": "user", "content": "prove it"}]}')
    features = [base.featurizer.extract(ask) for base in (one, other)]
    assert np.array_equal(features[0].row, features[1].row)
    assert one.files == other.files
    assert one.featurizer.width == WIDTH


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda folder: (folder / ENCODER).unlink(),
        lambda folder: (folder / STAGE_1).write_bytes(b"no tensors"),
        lambda folder: save_file({"table": np.zeros((1, 1), np.int8)}, folder / STAGE_1),
    ],
    ids=["missing", "no encoder", "no tensors", "no steps"],
)
def test_a_folder_that_is_no_base_is_told(tmp_path, damage):
    base = write_tiny(tmp_path / "base", second_stage=True)
    damage(base)

    with pytest.raises(ArtifactError, match="expected an artifact of two stages, or what `make"):
        read_base(base)


def test_the_base_of_an_artifact_is_what_it_serves_with(folder):
    found = read_base(folder / "base").files

    contents = load_artifact(folder / "base").contents
    assert found == {name: contents[name] for name in (VOCABULARY, ENCODER)}

"""Files of recorded scores."""

import gzip

import pytest
from unit.training.fakes import MODELS, pair_row, write_data, write_gz
from weighbridge.errors import RecordError
from weighbridge_training.sets import as_labels, pair_up, read_rows, read_train


def test_training_rows_are_read_by_name(tmp_path):
    rows = read_train(write_data(tmp_path), "llmrouter_train")

    assert len(rows) == 12
    assert set(rows[0].scores) == set(MODELS)


def test_a_public_set_is_no_training_set(tmp_path):
    with pytest.raises(RecordError, match="expected one of llmrouter_train"):
        read_train(write_data(tmp_path), "../public/routellm_mmlu")


def test_a_missing_file_says_how_to_name_the_folder(tmp_path):
    with pytest.raises(RecordError, match="make evaluate DATA=FOLDER"):
        read_train(tmp_path, "mmlu_gold1500")


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(b'{"id": "a"}\n', mtime=0),
        gzip.compress(b"\xff\n", mtime=0),
        gzip.compress(b'{"id": "a", "prompt": "x", "task": "t"}\n' * 1000, mtime=0)[:-12],
    ],
)
def test_a_damaged_file_is_told_with_its_line(tmp_path, content):
    path = tmp_path / "x.gz"
    path.write_bytes(content)

    with pytest.raises(RecordError, match=r"x\.gz:\d+: can't be read"):
        read_rows(path)


def test_the_one_pair_of_a_set_is_taken_from_its_rows(tmp_path):
    write_gz(tmp_path / "x.gz", [pair_row(0), pair_row(1)])

    paired = pair_up("x", read_rows(tmp_path / "x.gz"))

    assert (paired.small, paired.large) == ("org/small", "large")
    assert (paired.weak.tolist(), paired.strong.tolist()) == ([1, 0], [1, 1])


def test_a_pair_is_chosen_where_there_are_many_models(tmp_path):
    rows = read_train(write_data(tmp_path), "llmrouter_train")

    paired = pair_up("x", rows, MODELS)

    assert (paired.small, paired.large) == MODELS
    assert paired.weak.tolist() == [1, 0] * 6
    assert paired.tasks[:4] == ["task 0", "task 1", "task 2", "task 0"]


@pytest.mark.parametrize("models", [None, ("gemma-2-9b-it", "another")])
def test_a_row_without_the_scores_is_named(tmp_path, models):
    rows = read_train(write_data(tmp_path), "llmrouter_train")

    with pytest.raises(RecordError, match="row 'l/0': expected scores of"):
        pair_up("x", rows, models)


def test_no_rows_make_no_pair():
    with pytest.raises(RecordError, match="came none"):
        pair_up("x", [])


def test_rows_become_labels_from_0_to_1(tmp_path):
    rows = [
        pair_row(0, score_weak=8.0, score_strong=9.0),
        pair_row(1, score_weak=1, score_strong=10),
    ]
    write_gz(tmp_path / "x.gz", rows)

    labels = list(as_labels(pair_up("x", read_rows(tmp_path / "x.gz")), most=10))

    assert [(label.score_small, label.score_large) for label in labels] == [(0.8, 0.9), (0.1, 1.0)]
    assert (labels[0].small, labels[0].task, labels[0].grader) == ("org/small", "t", "recorded")

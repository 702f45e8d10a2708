"""`make replay`: recorded scores go through real processes and come out as they were."""

import sys
from pathlib import Path

import pytest
from unit.training.fakes import MODELS, pair_row, write_gz
from weighbridge.errors import LearnError
from weighbridge.learn.records import read_labels
from weighbridge.settings import load_settings
from weighbridge_training import replay as module
from weighbridge_training.public import LLMROUTER, MMLU
from weighbridge_training.replay import Track, main, replay

PAIR = Track("own", "mmlu_gold1500", None, MMLU)
MANY = Track("many", "llmrouter_train", MODELS, LLMROUTER)
SCORES = (0.0, 1.0, 0.28, 0.4137931034, 1e-05, 0.9999999999)


def pairs(count, first=0):
    """Two scores a prompt, of all kinds that are recorded."""
    return [
        pair_row(
            number,
            score_weak=SCORES[number % len(SCORES)],
            score_strong=SCORES[(number + 1) % len(SCORES)],
        )
        for number in range(first, first + count)
    ]


def as_scored(row):
    scores = dict(zip(MODELS, (row["score_weak"], row["score_strong"]), strict=True))
    return {name: row[name] for name in ("id", "task", "prompt")} | {"scores": scores}


def write_data(folder):
    train, public = pairs(12), pairs(6, first=100)
    write_gz(folder / "train" / "mmlu_gold1500.jsonl.gz", train)
    write_gz(folder / "train" / "llmrouter_train.jsonl.gz", map(as_scored, train))
    write_gz(folder / "public" / "routellm_mmlu.jsonl.gz", public)
    write_gz(folder / "public" / "llmrouter_test.jsonl.gz", map(as_scored, public))
    return folder


class Replayed:
    """One track, of which only `learn label` is run; what else would be is told."""

    def __init__(self, track, folder):
        self.track, self.out = track, folder / "out"
        self.data = write_data(folder / "data")
        self.commands = []

    def run(self):
        run = module._command

        def command(*words):
            self.commands.append([str(word) for word in words])
            if words[1] == "label":
                run(*words)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_command", command)
            replay(self.track, self.data, self.out)
        return self

    def labels(self, name):
        return {label.id: label for label in read_labels(self.out / name)}


@pytest.fixture(scope="module")
def replays(tmp_path_factory):
    """Both, made once: in random order a fixture with parameters would be made many times."""
    return [Replayed(track, tmp_path_factory.mktemp("replay")).run() for track in (PAIR, MANY)]


@pytest.fixture(params=[0, 1], ids=[PAIR.name, MANY.name])
def replayed(request, replays):
    return replays[request.param]


def test_scores_come_out_of_labelling_as_they_were_recorded(replayed):
    found = {
        name: (label.score_small, label.score_large)
        for name, label in replayed.labels("labels.jsonl").items()
    }

    assert found == {row["id"]: (row["score_weak"], row["score_strong"]) for row in pairs(12)}


def test_it_goes_the_way_of_an_operator(replayed):
    steps = [words[:2] for words in replayed.commands]

    assert steps == [["learn", step] for step in ("label", "fit", "report", "report")]


def test_only_what_is_under_train_is_fitted_to_and_only_the_public_set_reported_on(replayed):
    fit, *reports = replayed.commands[1:4]

    assert fit[2] == str(replayed.out / "labels.jsonl")
    assert {words[2] for words in reports} == {str(replayed.out / "public.jsonl")}
    judged = replayed.labels("public.jsonl").keys()
    assert judged == {row["id"] for row in pairs(6, first=100)}
    assert not judged & replayed.labels("labels.jsonl").keys()


def test_each_stage_is_reported_on_by_settings_that_ask_for_it(replayed):
    settings = [
        load_settings(Path(words[words.index("--config") + 1])).classifier
        for words in replayed.commands[2:4]
    ]

    assert [one.second_stage for one in settings] == [False, True]
    assert settings[1].band >= 0.5  # all prompts: what is reported is stage 2 alone


def test_a_second_run_asks_for_nothing_again(tmp_path):
    replayed = Replayed(PAIR, tmp_path).run()
    journal = tmp_path / "out" / "labels.jsonl.journal"
    before = journal.read_bytes()

    replayed.run()

    assert journal.read_bytes() == before
    assert len(replayed.labels("labels.jsonl")) == 12


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


def test_a_pool_that_does_not_start_is_told_with_its_log(data, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(LearnError, match="a simulator did not start; its log lies beside"):
        replay(PAIR, data, tmp_path / "out")


def test_a_step_that_fails_ends_it(data, tmp_path, monkeypatch, capfd):
    """A dozen labels are too few to fit to."""
    monkeypatch.setattr(
        sys, "argv", ["replay", "--data", str(data), "--out", str(tmp_path), "--only", "mmlu"]
    )

    with pytest.raises(SystemExit, match="replay: weighbridge learn fit ended with 1"):
        main()

    assert "expected at least 100 labels" in capfd.readouterr().err

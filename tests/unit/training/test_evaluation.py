"""The evaluation in memory: every contestant on every row, the router's own way."""

import msgspec
import numpy as np
import pytest
from unit.training.fakes import silent, write_cases, write_data
from weighbridge.generation import Generation
from weighbridge.scoring import explain_text
from weighbridge_training import evaluation, graded
from weighbridge_training.evaluation import OURS
from weighbridge_training.peers import PeerScores
from weighbridge_training.public import PUBLIC, read_public


@pytest.fixture(scope="module")
def generation():
    return Generation.load(None)


@pytest.fixture(scope="module")
def paired(tmp_path_factory):
    return read_public(write_data(tmp_path_factory.mktemp("data")), PUBLIC[1])


def test_a_set_is_scored_by_the_router_and_by_length(generation, paired):
    report = evaluation.evaluate_set(generation, paired, silent)

    names = [score.name for score in report.analysis.scores]
    assert names == [OURS, "length"]
    own = [explain_text(generation, text).complexity.score for text in paired.prompts]
    assert sum(group.rows for group in report.analysis.groups) == len(own)
    assert report.analysis.groups[0].low == pytest.approx(min(own), abs=1e-5)
    assert report.analysis.groups[-1].high == pytest.approx(max(own), abs=1e-5)
    assert (report.stages, report.unscored) == ({"stand-in": 12}, 0)
    assert report.analysis.subject.p50_us > 0


def test_a_peer_stands_on_the_same_rows(generation, paired):
    asked = []

    def peer(texts, _told):
        asked.append(list(texts))
        return {"peer": PeerScores(np.arange(12.0), np.full(12, 1e-3))}

    report = evaluation.evaluate_set(generation, paired, silent, peer)

    assert asked == [paired.prompts]
    named = report.analysis.named("peer")
    assert named.p50_us == pytest.approx(1000)
    assert named.lead is not None


def test_names_of_models_lose_their_owner_and_one_task_makes_no_table(generation, tmp_path):
    mmlu = read_public(write_data(tmp_path), PUBLIC[2])

    analysis = evaluation.evaluate_set(generation, mmlu, silent).analysis

    assert (analysis.small, analysis.large) == ("small", "large")
    assert analysis.tasks == []


def test_a_row_without_a_score_is_counted(generation, paired):
    emptied = [msgspec.structs.replace(paired.rows[0], prompt=""), *paired.rows[1:]]
    report = evaluation.evaluate_set(
        generation, msgspec.structs.replace(paired, rows=emptied), silent
    )

    assert report.unscored == 1


def test_the_whole_has_sets_cases_and_attacks(generation, paired, tmp_path):
    cases = graded.read_cases(write_cases(tmp_path))
    steps = {}

    def progress(what, total):
        steps[what] = [0, total]

        def told():
            steps[what][0] += 1

        return told

    made = evaluation.evaluate(generation, [paired], cases, progress)

    assert made.threshold == 0.5
    assert made.artifact == generation.artifact_digest
    assert made.cases.total.cases == 3
    assert made.analyses == [made.sets[0].analysis]
    assert all(done == total for done, total in steps.values()), steps
    assert list(steps) == ["llmrouter_test", "own cases", "attacks"]

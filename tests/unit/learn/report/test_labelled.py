"""Labels on their way to scores; what was fitted to does not count."""

import json
import math

import msgspec
import pytest
from unit.bodies import EASY, HARD
from weighbridge.classifier import Complexity
from weighbridge.contract import Outcome, Reason
from weighbridge.errors import LearnError, RecordError
from weighbridge.generation import Generation
from weighbridge.learn.quality import Interval
from weighbridge.learn.records import LabelLine
from weighbridge.learn.report import labelled
from weighbridge.learn.report.analysis import LearningPoint
from weighbridge.policy import Decision
from weighbridge.scoring import explain_text


def label(number, prompt="x", **fields):
    return LabelLine(id=f"row-{number}", score_small=0, score_large=1, prompt=prompt, **fields)


def test_an_artifact_that_was_not_fitted_has_seen_no_rows(tmp_path):
    assert labelled.fitted_ids(tmp_path) == frozenset()
    assert labelled.learning_points(tmp_path) == []


def test_a_fitted_artifact_lists_its_rows_and_its_learning_curve(tmp_path):
    (tmp_path / "rows.json").write_text('["a", "b"]')
    point = {"labels": 100, "apgr": {"value": 0.6, "low": 0.5, "high": 0.7}}
    (tmp_path / "learning_curve.json").write_text(json.dumps([point]))

    assert labelled.fitted_ids(tmp_path) == {"a", "b"}
    assert labelled.learning_points(tmp_path)[0].apgr.value == 0.6


def test_an_interval_that_no_resample_defines_is_read_as_it_was_written(tmp_path):
    points = [LearningPoint(100, Interval(0.6, math.nan, math.nan))]
    (tmp_path / "learning_curve.json").write_bytes(msgspec.json.encode(points))

    (point,) = labelled.learning_points(tmp_path)

    assert (point.labels, point.apgr.value) == (100, 0.6)
    assert math.isnan(point.apgr.low)
    assert math.isnan(point.apgr.high)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[", '["a"'])
def test_a_list_of_rows_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "rows.json").write_text(content)

    with pytest.raises(RecordError, match=r"rows\.json: can't be used"):
        labelled.fitted_ids(tmp_path)


def test_rows_that_any_artifact_has_seen_are_left_out_with_words():
    used = {"one": frozenset({"row-0", "row-1"}), "other": frozenset({"row-1", "row-9"})}

    left, remarks = labelled.held_out([label(n) for n in range(5)], used)

    assert [line.id for line in left] == ["row-2", "row-3", "row-4"]
    assert remarks == [
        "2 of 5 rows left out: the one was fitted to them",
        "1 of 5 rows left out: the other was fitted to them",
    ]


def test_nothing_is_said_where_nothing_was_left_out():
    assert labelled.held_out([label(0), label(1)], {"one": frozenset()})[1] == []


def test_labels_that_were_all_used_make_no_report():
    with pytest.raises(LearnError, match="came 1 of 3; label prompts of their own"):
        labelled.held_out([label(n) for n in range(3)], {"a": frozenset({"row-0", "row-1"})})


@pytest.fixture(scope="module")
def generation():
    return Generation.load(None)


def test_scores_are_those_of_the_router_itself(generation):
    labels = [label(0, EASY, small="s", large="l"), label(1, HARD, small="s", large="l")]

    rows = labelled.score_labels(labels, {"fitted": generation}, "n")

    own = [explain_text(generation, text).complexity.score for text in (EASY, HARD)]
    assert rows.scores["fitted"].tolist() == pytest.approx(own, abs=1e-5)
    assert rows.scores["length"].tolist() == [len(EASY), len(HARD)]
    assert (rows.small, rows.large, rows.tasks) == ("s", "l", ())
    assert (rows.seconds["fitted"] > 0).all()


def test_a_task_that_is_missing_has_a_name_where_others_have_one(generation):
    rows = labelled.score_labels([label(0, task="a"), label(1)], {"f": generation}, "n")

    assert rows.tasks == ["a", "(no task)"]


def test_labels_of_two_pairs_are_refused(generation):
    with pytest.raises(LearnError, match="one pair of models, came 2: a and b; a and c"):
        labelled.score_labels(
            [label(0, small="a", large="b"), label(1, small="a", large="c")], {"f": generation}, "n"
        )


@pytest.mark.parametrize(("text", "score"), [("", 0.0), (HARD, None)])
def test_what_was_decided_without_a_score_counts_as_its_tier(generation, text, score):
    weighed = explain_text(generation, text)

    expected = weighed.decision.score if score is None else score
    assert labelled.ranked(weighed, generation) == pytest.approx(expected, abs=1e-5)


def test_beyond_the_ends_of_the_scale_the_raw_score_still_tells_the_order(generation):
    weighed = explain_text(generation, HARD)

    def of(score, raw):
        weighed.complexity = Complexity(score, raw=raw)
        weighed.decision = Decision("large", Reason.SCORE, Outcome.WEIGHED, score)
        return labelled.ranked(weighed, generation)

    order = [of(0.0, -9.0), of(0.0, -3.0), of(0.001, -9.0), of(0.999, 3.0), of(1.0, 3.0)]
    assert [*order, of(1.0, 9.0)] == sorted({*order, of(1.0, 9.0)})


def test_what_could_not_be_read_counts_as_hard(generation):
    from weighbridge.scoring import weigh_body

    assert labelled.ranked(weigh_body(generation, b"no json"), generation) == 1.0


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "a"),
        ([{"role": "user", "content": "a"}, {"role": "user", "content": "c"}], "c"),
        ([{"role": "system", "content": "s"}], "s"),
        ([{"role": "user", "content": [{"text": "x"}, {"image_url": {}}, {"text": "y"}]}], "x\ny"),
        ([{"role": "user"}], ""),
        ([], ""),
    ],
)
def test_the_length_of_a_chat_is_that_of_its_last_ask(messages, text):
    assert labelled.asked(label(0, "", messages=messages)) == text

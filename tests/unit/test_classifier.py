"""The lexical classifier: order of plain cases, a memo that changes nothing, faults of weights."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.bodies import EASY, HARD
from weighbridge.artifact import Artifact, Manifest, load_artifact
from weighbridge.classifier import LexicalClassifier, LexicalWeights, make_classifier
from weighbridge.contract import Endpoint
from weighbridge.errors import ArtifactError
from weighbridge.features import FEATURE_NAMES
from weighbridge.prompt import Ask, Prompt

WEIGHTS = {"bias": -1.0, "weights": dict.fromkeys(FEATURE_NAMES, 0.5)}


def ask(text):
    return Ask(text, len(text))


def prompt(text, *earlier):
    return Prompt(Endpoint.CHAT, ask=ask(text), earlier=tuple(map(ask, earlier)))


def artifact(content=None, *, kind="lexical", name="weights.json"):
    raw = msgspec.json.encode(WEIGHTS) if content is None else content
    return Artifact(Manifest(1, kind, "test", {}), {name: raw}, "")


@pytest.fixture
def classifier():
    return make_classifier(load_artifact())


def test_a_greeting_scores_below_a_proof(classifier):
    assert classifier.weigh(prompt(EASY)).score < classifier.weigh(prompt(HARD)).score


@pytest.mark.parametrize("text", ["", EASY, HARD, "prove " * 1000, "hi " * 1000, "你好"])
def test_scores_lie_between_zero_and_one(classifier, text):
    assert 0 <= classifier.weigh(prompt(text)).score <= 1


def test_the_highest_of_the_earlier_asks_counts(classifier):
    hard = classifier.weigh(prompt(HARD)).score

    complexity = classifier.weigh(prompt(EASY, EASY, HARD, "thanks"))

    assert complexity.earlier == hard
    assert complexity.score == classifier.weigh(prompt(EASY)).score


def test_without_earlier_asks_nothing_was_hard_before(classifier):
    assert classifier.weigh(prompt(HARD)).earlier == 0


def test_a_prompt_that_asks_nothing_is_not_hard(classifier):
    assert classifier.weigh(Prompt(Endpoint.CHAT)).score == 0


@given(st.lists(st.sampled_from([EASY, HARD, "a", "", "prove it", "x" * 500]), max_size=40))
@settings(deadline=None, derandomize=True, max_examples=30, database=None)
def test_the_memo_changes_no_answer(texts):
    kept = make_classifier(artifact())
    kept._MEMO = 3  # so small that it is cleared again and again

    for text in texts:
        fresh = make_classifier(artifact())
        assert kept.weigh(prompt(text)) == fresh.weigh(prompt(text))


def test_the_memo_has_a_bound(classifier):
    classifier._MEMO = 10

    for number in range(100):
        classifier.weigh(prompt(f"question {number}"))

    assert len(classifier._memo) <= 10


def test_an_ask_that_comes_again_is_not_looked_through_again(classifier, monkeypatch):
    first = classifier.weigh(prompt(HARD))
    monkeypatch.setattr("weighbridge.classifier.extract_features", None)

    assert classifier.weigh(prompt(HARD)) == first


def test_the_memo_keeps_no_text(classifier):
    classifier.weigh(prompt("a secret of mine"))

    assert "secret" not in repr(vars(classifier))


@pytest.mark.parametrize("text", ["", EASY, HARD, "- a\n- b\n", "你好?"])
def test_the_explanation_adds_up_to_the_logit_of_the_score(classifier, text):
    score = classifier.weigh(prompt(text)).score

    parts = classifier.explain(ask(text))

    assert set(parts) == {"bias", *FEATURE_NAMES}
    assert sum(parts.values()) == pytest.approx(math.log(score / (1 - score)))


def test_the_classifier_bears_the_name_of_its_artifact(classifier):
    assert classifier.name == load_artifact().manifest.name
    assert classifier.weigh(prompt(EASY)).stage == "lexical"


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (artifact(kind="oracle"), "kind 'oracle': this release knows only"),
        (artifact(name="other.json"), "needs the file weights.json"),
        (artifact(b"{"), "weights.json: "),
        (artifact(b'{"bias": 0}'), "missing required field `weights`"),
        (artifact(b'{"bias": "0", "weights": {}}'), "Expected `float`"),
        (artifact(b'{"bias": 0, "weights": {}, "extra": 1}'), "unknown field `extra`"),
        (artifact(b'{"bias": 0, "weights": {"words": 1}}'), "weights and features disagree about"),
        (artifact(msgspec.json.encode({**WEIGHTS, "bias": 1e308}).replace(b"1e308", b"1e309")), ""),
    ],
)
def test_an_artifact_that_does_not_fit_is_refused(damaged, message):
    with pytest.raises(ArtifactError) as raised:
        make_classifier(damaged)

    assert message in str(raised.value)


def test_a_feature_that_is_not_known_is_named():
    weights = LexicalWeights(0.0, {**WEIGHTS["weights"], "smell": 1.0})

    with pytest.raises(ArtifactError, match="disagree about: smell"):
        LexicalClassifier("test", weights)


@pytest.mark.parametrize("bias", [-1e6, -710.0, 710.0, 1e6])
def test_extreme_weights_give_extreme_scores_and_no_error(bias):
    weights = LexicalWeights(bias, WEIGHTS["weights"])

    score = LexicalClassifier("test", weights).weigh(prompt(EASY)).score

    assert score == pytest.approx(0 if bias < 0 else 1)

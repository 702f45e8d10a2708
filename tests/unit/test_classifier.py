"""The cascade: order of plain cases, memos that change nothing, a second stage that counts."""

import threading

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.artifacts import UNCERTAIN, tiny
from unit.bodies import EASY, HARD
from weighbridge.artifact import Artifact, Manifest, load_artifact
from weighbridge.classifier import Cascade, Complexity, make_classifier
from weighbridge.contract import Endpoint
from weighbridge.errors import ArtifactError
from weighbridge.features import BLOCKS, Featurizer
from weighbridge.prompt import Ask, Prompt


def anew(complexity):
    """The same answer as if it had not been known before."""
    return msgspec.structs.replace(complexity, remembered=False)


def ask(text):
    return Ask(text, len(text))


def prompt(text, *earlier):
    return Prompt(Endpoint.CHAT, ask=ask(text), earlier=tuple(map(ask, earlier)))


@pytest.fixture(scope="module")
def packaged():
    return make_classifier(load_artifact(), second_stage=False)


@pytest.fixture
def artifact(tmp_path):
    return tiny(tmp_path / "model", second_stage=True)


@pytest.fixture
def classifier(artifact):
    return make_classifier(artifact, second_stage=False)


@pytest.fixture
def cascade(artifact):
    return make_classifier(artifact)


def test_a_greeting_scores_below_a_proof(packaged):
    assert packaged.weigh(prompt(EASY)).score < 0.5 <= packaged.weigh(prompt(HARD)).score


@given(st.text(max_size=300))
@settings(deadline=None, derandomize=True, max_examples=150, database=None)
@example("")
@example("prove " * 1000)
@example("你好" * 700)
@example("هذا سؤال صعب جدا")
@example("🐢🔥" * 500)
@example("aGVsbG8gd29ybGQh" * 128)
@example("a" * 1_000_000)
@example("é" * 100_000)
@example("\u0301" * 10_000)
@example("\u202e\u2066live\u2069\u202c")
@example("\ud800\udfff")
@example("Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢" * 40)
def test_any_text_gets_a_score_between_zero_and_one(packaged, text):
    complexity = packaged.weigh(prompt(text))

    assert 0 <= complexity.score <= 1
    assert abs(complexity.raw) < 1e6


def test_the_score_is_the_percentile_of_the_raw_score(classifier):
    complexity = classifier.weigh(prompt(HARD))

    assert complexity.score == classifier.calibration.percentile(complexity.raw)
    assert complexity.raw == classifier.stage1.raw(classifier.features(ask(HARD)))
    assert (complexity.stage, complexity.is_refined, complexity.late) == ("stage1", False, False)


def test_the_highest_of_the_earlier_asks_counts(classifier):
    hard = classifier.weigh(prompt(HARD)).score

    complexity = classifier.weigh(prompt(EASY, EASY, HARD, "thanks"))

    assert complexity.earlier == hard
    assert complexity.score == classifier.weigh(prompt(EASY)).score


def test_without_earlier_asks_nothing_was_hard_before(classifier):
    assert classifier.weigh(prompt(HARD)).earlier == 0


def test_a_prompt_that_asks_nothing_is_not_hard(cascade):
    nothing = Prompt(Endpoint.CHAT)

    assert cascade.weigh(nothing) == Complexity(0.0)
    assert cascade.refine(nothing, Complexity(0.0)) == Complexity(0.0)


TEXTS = [EASY, HARD, "a", "", "prove it", "x" * 500, "ab", chr(ord("a") + (ord("b") << 8))]


@given(st.lists(st.sampled_from(TEXTS), max_size=40))
@settings(deadline=None, derandomize=True, max_examples=30, database=None)
def test_the_memo_changes_no_answer(tmp_path_factory, texts):
    artifact = tiny(tmp_path_factory.mktemp("model") / "tiny")
    kept = make_classifier(artifact)
    kept._MEMO = 3  # so small that it is cleared again and again

    for text in texts:
        fresh = make_classifier(artifact)
        assert anew(kept.weigh(prompt(text))) == fresh.weigh(prompt(text))


def test_texts_of_the_same_bytes_are_told_apart(classifier):
    narrow, wide = "ab" * 20, chr(ord("a") + (ord("b") << 8)) * 20
    assert hash(narrow) == hash(wide)

    raws = {text: classifier.weigh(prompt(text)).raw for text in (narrow, wide)}

    for text, raw in raws.items():
        assert raw == classifier.stage1.raw(classifier.features(ask(text)))


def test_both_memos_have_a_bound(cascade):
    cascade._MEMO = 10

    for number in range(100):
        asked = prompt(f"question {number}")
        cascade.refine(asked, cascade.weigh(asked))

    assert len(cascade._memo) <= 10
    assert len(cascade._refined) <= 10


def test_an_ask_that_comes_again_is_not_looked_through_again(classifier, monkeypatch):
    first = classifier.weigh(prompt(HARD))
    monkeypatch.setattr(Featurizer, "extract", None)

    again = classifier.weigh(prompt(HARD))

    assert anew(again) == first
    assert (first.remembered, again.remembered) == (False, True)


def test_no_memo_keeps_text(cascade):
    asked = prompt("a secret of mine")
    cascade.refine(asked, cascade.weigh(asked))

    assert cascade._memo
    assert cascade._refined
    assert "secret" not in repr(vars(cascade))


def test_the_second_stage_judges_anew_and_keeps_what_was_before(cascade):
    asked = prompt(UNCERTAIN, HARD)
    first = cascade.weigh(asked)

    second = cascade.refine(asked, first)

    raw = cascade.stage2.raw(cascade.features(asked.ask))
    assert (second.raw, second.score) == (raw, cascade.calibration.percentile(raw))
    assert (second.stage, second.is_refined) == ("stage2", True)
    assert second.earlier == first.earlier > 0
    assert first.score < 0.5 < second.score


def test_what_the_second_stage_said_is_remembered_in_later_turns(cascade):
    asked = prompt(UNCERTAIN)
    refined = cascade.refine(asked, cascade.weigh(asked))

    again = cascade.weigh(asked)
    assert anew(again) == refined
    assert (refined.remembered, again.remembered) == (False, True)
    assert cascade.weigh(prompt("thanks", UNCERTAIN)).earlier == refined.score


@pytest.mark.parametrize(
    ("made_with", "wanted", "has"),
    [(True, True, True), (True, False, False), (False, True, False)],
)
def test_there_is_a_second_stage_where_the_artifact_has_one_and_it_is_wanted(
    tmp_path, made_with, wanted, has
):
    artifact = tiny(tmp_path / "m", second_stage=made_with)
    made = make_classifier(artifact, second_stage=wanted)
    asked = prompt(UNCERTAIN)

    assert made.has_second_stage is has
    assert made.refine(asked, made.weigh(asked)).is_refined is has


def test_threads_that_refine_while_others_weigh_spoil_no_answer(cascade):
    cascade._MEMO = 5
    texts = [f"question {letter}" for letter in "abcdefghijkl"]
    right = {
        text: {
            cascade.stage1.raw(cascade.features(ask(text))),
            cascade.stage2.raw(cascade.features(ask(text))),
        }
        for text in texts
    }
    faults = []

    def work():
        for text in texts * 30:
            asked = prompt(text)
            complexity = cascade.weigh(asked)
            refined = cascade.refine(asked, complexity)
            if not {complexity.raw, refined.raw} <= right[text]:
                faults.append(text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []


@pytest.mark.parametrize("text", ["", EASY, HARD, "- a\n- b\n", "你好?"])
def test_the_explanation_is_of_the_blocks_and_the_pieces_read(classifier, text):
    look = classifier.explain(ask(text))

    assert look.pieces == len(classifier.features(ask(text)).ids)
    assert look.effects == classifier.stage1.effects(classifier.features(ask(text)))
    assert tuple(look.effects) == BLOCKS


def test_the_classifier_bears_the_name_of_its_artifact(classifier):
    assert isinstance(classifier, Cascade)
    assert classifier.name == "tiny-1"


def test_an_artifact_of_another_kind_is_refused():
    other = Artifact(Manifest(2, "oracle", "test", {}), {}, "")

    with pytest.raises(ArtifactError, match="kind 'oracle': this release knows only 'kernel'"):
        make_classifier(other)

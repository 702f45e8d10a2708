"""Scoring without Envoy: the same decisions, line by line, and no line ends the run."""

import io
import json

import pytest
from unit.artifacts import UNCERTAIN, write_tiny
from unit.bodies import EASY, HARD, chat, encode, write_settings
from weighbridge.contract import Endpoint, Reason
from weighbridge.errors import BodyUnparsedError, SettingsError
from weighbridge.generation import Generation
from weighbridge.scoring import (
    explain_text,
    guess_endpoint,
    run_scoring,
    score_lines,
    weigh_body,
)


@pytest.fixture(scope="module")
def generation():
    return Generation.load(None)


@pytest.mark.parametrize(
    ("document", "endpoint"),
    [
        ({"messages": []}, Endpoint.CHAT),
        ({"prompt": "x"}, Endpoint.COMPLETIONS),
        ({"input": "x"}, Endpoint.RESPONSES),
        ({"input": "x", "messages": []}, Endpoint.CHAT),
    ],
)
def test_the_shape_is_told_by_the_key_of_the_prompt(document, endpoint):
    assert guess_endpoint(encode(document)) is endpoint


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"text": "x"}', b"[" * 100_000])
def test_a_body_without_any_of_the_keys_is_unparsed(body):
    with pytest.raises(BodyUnparsedError):
        guess_endpoint(body)


def test_a_hard_and_an_easy_prompt_part_ways(generation):
    hard, easy = (weigh_body(generation, chat(text)).decision for text in (HARD, EASY))

    assert (hard.tier, easy.tier) == ("large", "small")
    assert easy.score < 0.5 <= hard.score


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (chat(EASY, model="llama-large"), Reason.EXPLICIT),
        (chat(""), Reason.NO_TEXT),
        (b"not json", Reason.UNPARSED),
        (chat(*["x"] * 40_000), Reason.OVERSIZED),
    ],
)
def test_what_needs_no_weighing_or_can_not_be_weighed_is_decided_too(generation, body, reason):
    weighed = weigh_body(generation, body)

    assert weighed.decision.reason is reason
    assert weighed.complexity is None
    assert bool(weighed.error) == (reason in {Reason.UNPARSED, Reason.OVERSIZED})


def test_lines_come_out_in_order_and_blank_ones_not_at_all(generation):
    lines = [chat(HARD), b"\n", b"  \r\n", b"{broken", encode({"prompt": EASY})]

    scored = list(score_lines(generation, lines))

    assert [line.reason for line in scored] == ["score", "unparsed", "score"]
    assert [line.stage for line in scored] == ["stage1", "", "stage1"]
    assert [bool(line.error) for line in scored] == [False, True, False]
    assert scored[1].score is None


def test_output_is_json_lines_and_the_faulty_ones_are_counted(tmp_path):
    path = write_settings(tmp_path / "s.yaml", "policy: {threshold: 0.0}")
    out = io.BytesIO()

    failed = run_scoring(path, None, [chat(EASY), b"x", b"y"], out)

    documents = [json.loads(line) for line in out.getvalue().splitlines()]
    assert failed == 2
    assert [document["tier"] for document in documents] == ["large"] * 3
    assert 0 <= documents[0]["score"] < 0.5
    assert "error" not in documents[0]
    assert documents[0]["micros"] > 0


def test_settings_that_can_not_be_used_are_raised(tmp_path):
    with pytest.raises(SettingsError):
        run_scoring(tmp_path / "absent.yaml", None, [], io.BytesIO())


def test_a_bare_prompt_is_one_turn_of_the_user(generation):
    weighed = explain_text(generation, HARD)

    assert weighed.prompt.ask.text == HARD.strip()
    assert weighed.prompt.turns == 1


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory):
    """Generations of the same artifact with its second stage and without."""
    folder = tmp_path_factory.mktemp("two")
    model = write_tiny(folder / "model", second_stage=True)

    def load(wanted):
        text = f"classifier: {{second_stage: {wanted}}}"
        return Generation.load(write_settings(folder / f"{wanted}.yaml", text), model)

    return load(True), load(False)


@pytest.mark.parametrize(
    ("text", "tiers", "stage"),
    [
        (EASY, ("small", "small"), "stage1"),
        (UNCERTAIN, ("large", "small"), "stage2"),
        (HARD, ("large", "large"), "stage1"),
    ],
)
def test_what_is_uncertain_and_nothing_else_is_scored_by_the_second_stage(
    two_stages, text, tiers, stage
):
    lines = [next(score_lines(one, [chat(text)])) for one in two_stages]

    assert tuple(line.tier for line in lines) == tiers
    assert [line.stage for line in lines] == [stage, "stage1"]
    assert {line.reason for line in lines} == {"score"}


def test_what_the_second_stage_can_not_change_it_is_not_asked(two_stages):
    with_second, _ = two_stages

    alone, after = (weigh_body(with_second, chat(*asks)) for asks in ([UNCERTAIN], [HARD, "So?"]))

    assert (alone.complexity.stage, after.complexity.stage) == ("stage2", "stage1")
    assert after.decision.reason is Reason.STICKY


def test_a_line_that_comes_again_is_scored_the_same(two_stages):
    with_second, _ = two_stages

    once, again = (next(score_lines(with_second, [chat(UNCERTAIN)])) for _ in range(2))

    assert (once.score, once.stage) == (again.score, again.stage)

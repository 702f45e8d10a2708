"""A pattern that is found is 1; one that names its score gives the score."""

import pytest
from weighbridge.learn.label.graders import UngradedError, VerifierGrader
from weighbridge.learn.label.graders.regex import RegexVerifier
from weighbridge.learn.records import PromptLine

SCORED = r"score: (?P<score>\S+)"


async def mark(pattern, answer):
    return await RegexVerifier().mark(PromptLine(prompt="?", pattern=pattern), answer)


@pytest.mark.parametrize(
    ("pattern", "answer", "score"),
    [
        (r"(?i)\bparis\b", "It is PARIS.", 1.0),
        (r"(?i)\bparis\b", "Parisian", 0.0),
        (r"^ok$", "ok", 1.0),
        (r"end$", "x" * 100_000 + "end", 1.0),
        (SCORED, "score: 0.25", 0.25),
        (SCORED, "score: 1", 1.0),
        (SCORED, "first score: 0 then score: 1", 0.0),
    ],
)
async def test_a_pattern_gives_a_score(pattern, answer, score):
    assert (await mark(pattern, answer)).score == score


@pytest.mark.parametrize("answer", ["", "score: high", "score: 1.5", "score: -1", "score: nan"])
async def test_a_score_that_is_not_there_is_no_score_of_zero(answer):
    with pytest.raises(UngradedError, match="from 0 to 1"):
        await mark(SCORED, answer)


async def test_a_score_in_a_branch_that_did_not_match_is_no_score():
    with pytest.raises(UngradedError):
        await mark(r"none|score: (?P<score>\S+)", "none")


async def test_both_answers_are_graded_with_their_evidence():
    prompt = PromptLine(prompt="?", pattern="y.s")
    grade = await VerifierGrader(RegexVerifier()).grade(prompt, "no", "yes!")
    assert (grade.small, grade.large) == (0.0, 1.0)
    assert grade.evidence == {"small": {"found": None}, "large": {"found": "yes"}}

"""A verdict counts if it holds in both orders; places, silence and equal answers win nothing."""

import pytest
from weighbridge.learn.label.graders import UngradedError
from weighbridge.learn.label.graders.judge import JudgeGrader, Order, compose, read_verdict
from weighbridge.learn.records import PromptLine

PROMPT = PromptLine(id="a", prompt="What does a lorry weigh?")


class Judge:
    """Replies by step, and keeps what it was asked."""

    def __init__(self, **replies):
        self.replies = {step.replace("_", "-"): reply for step, reply in replies.items()}
        self.asked = {}

    async def __call__(self, prompt, step, messages):
        assert prompt is PROMPT
        self.asked[str(step)] = messages
        return self.replies[step]

    async def grade(self, small="40 t", large="up to 40 t"):
        return await JudgeGrader(self, "big").grade(PROMPT, small, large)


@pytest.mark.parametrize(
    ("small_first", "large_first", "scores"),
    [
        ("[[A]]", "[[B]]", (1.0, 0.0)),
        ("[[B]]", "[[A]]", (0.0, 1.0)),
        ("[[tie]]", "[[tie]]", (0.5, 0.5)),
        ("[[A]]", "[[A]]", (0.5, 0.5)),
        ("[[B]]", "[[B]]", (0.5, 0.5)),
        ("[[A]]", "[[tie]]", (0.5, 0.5)),
        ("[[C]]", "[[A]]", (0.5, 0.5)),
    ],
)
async def test_a_verdict_stands_only_in_both_orders(small_first, large_first, scores):
    grade = await Judge(small_first=small_first, large_first=large_first).grade()
    assert (grade.small, grade.large) == scores


async def test_the_answers_change_places():
    judge = Judge(small_first="[[A]]", large_first="[[A]]")
    await judge.grade("SMALL ANSWER", "LARGE ANSWER")
    texts = {step: messages[0]["content"] for step, messages in judge.asked.items()}
    places = {
        step: text.index("SMALL ANSWER") < text.index("LARGE ANSWER")
        for step, text in texts.items()
    }
    assert places == {"small-first": True, "large-first": False}
    assert all(text.count("ANSWER\n>>> end of answer") == 2 for text in texts.values())


async def test_the_evidence_holds_the_judges_own_words():
    grade = await Judge(small_first="Shorter. [[A]]", large_first="Vague. [[B]]").grade()
    assert grade.evidence == {
        "model": "big",
        "verdict": "small",
        "small-first": {"better": "small", "raw": ["Shorter. [[A]]"]},
        "large-first": {"better": "small", "raw": ["Vague. [[B]]"]},
    }


async def test_an_unclear_verdict_is_asked_for_once_more():
    judge = Judge(small_first="Hm.", small_first_again="[[B]]", large_first="[[A]]")
    grade = await judge.grade()
    assert (grade.small, grade.large) == (0.0, 1.0)
    assert grade.evidence["small-first"]["raw"] == ["Hm.", "[[B]]"]
    again = judge.asked["small-first-again"]
    assert again[:1] == judge.asked["small-first"]
    assert [turn["role"] for turn in again] == ["user", "assistant", "user"]


async def test_no_verdict_after_two_requests_is_no_label():
    judge = Judge(small_first="Hm.", small_first_again="Hm?")
    with pytest.raises(UngradedError, match="asked twice"):
        await judge.grade()


async def test_equal_answers_are_a_tie_that_costs_nothing():
    judge = Judge()
    grade = await judge.grade("40 t", "40 t")
    assert (grade.small, grade.large) == (0.5, 0.5)
    assert not judge.asked


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("[[A]]", "A"),
        ("I first thought [[A]].\n[[b]]", "B"),
        ("[[ Tie ]]", "tie"),
        ("[[C]]", "tie"),
        ("[A]", None),
        ("A", None),
        ("", None),
    ],
)
def test_the_last_verdict_of_a_reply_counts(reply, verdict):
    assert read_verdict(reply) == verdict


def text_of(prompt, first="x", second="y"):
    (message,) = compose(prompt, first, second)
    assert message["role"] == "user"
    return message["content"]


def test_the_judge_sees_a_whole_conversation():
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]},
        {"role": "assistant", "content": None},
    ]
    text = text_of(PromptLine(messages=turns))
    assert "system: Be brief.\n\nuser: Hi\n[media]\n\nassistant: " in text


def test_the_judge_sees_a_reference_where_there_is_one():
    assert "<<< reference answer\n40 t\n" in text_of(PromptLine(prompt="?", reference="40 t"))
    assert "reference answer" not in text_of(PromptLine(prompt="?"))


def test_long_answers_are_cut_and_marked():
    text = text_of(PROMPT, "x" * 100_000)
    assert len(text) < 30_000
    assert "[cut here]" in text


def test_each_order_is_one_of_two():
    assert {order.roles for order in Order} == {("small", "large"), ("large", "small")}

"""The same result is right however it is put, and another is wrong however close it looks."""

import time

import pytest
from weighbridge.learn.label.graders.exact import ExactVerifier, extract
from weighbridge.learn.records import PromptLine

RIGHT = [
    ("Paris", "Paris"),
    ("Paris", "  PARIS.\n"),
    ("Paris", "The capital of France?\n\n**Paris**"),
    ("Paris", "Let me think.\nThe answer is Paris."),
    ("Paris", "Answer: **Paris**"),
    ("Paris", "Final answer: Paris\n\nLet me know if you need more."),
    ("Paris", r"\boxed{\text{Paris}}"),
    ("New York", '"new   york"'),
    ("a man's", "A man\u2019s"),
    ("x^{2}+1", r"so \boxed{x^{2}+1}"),
    ("42", "42"),
    ("42", "42.0"),
    ("42", "It is 6 * 7 = 42."),
    ("42", "Thus 40 + 2.\n#### 42"),
    ("1000", "$1,000"),
    ("1,000", "The answer is 1000 euros"),
    ("0.5", r"\boxed{\frac{1}{2}}"),
    ("1/2", "0.50"),
    ("50%", "50"),
    ("-3", "x = -3"),
    ("-3", "\u22123"),
    ("3", "Answer:\n\n3"),
    ("1e3", "1000"),
    (r"\boxed{7}", "7"),
    ("B", "B"),
    ("B", "(B) Paris"),
    ("B", "B) Paris"),
    ("B", "The answer is (B)."),
    ("B", "The correct answer is **B. Paris**"),
    ("B", "Reasons follow.\n\n\\boxed{B}"),
    ("B", "A is wrong, so it must be (B)"),
]
WRONG = [
    ("Paris", "London"),
    ("Paris", "It is not Paris but London"),
    ("Paris", ""),
    ("42", ""),
    ("42", "42 or 43"),
    ("42", "24"),
    ("3", "5-3=2"),
    ("-3", "3"),
    ("3.14 m", "314 m"),
    ("x+1", "x-1"),
    ("1/2", "1/0"),
    ("5", "The answer is " + "9" * 5000),
    ("1", "1e999999999"),
    ("B", "C"),
    ("B", "The answer is (C)"),
    ("B", "b"),
    ("A", "A lorry weighs 40 t"),
    ("42", r"\boxed{41} and not 42"),
    ("Paris", "The answer is Rome.\nParis is wrong. The answer is Rome."),
]


async def score(reference, answer):
    mark = await ExactVerifier().mark(PromptLine(prompt="?", reference=reference), answer)
    return mark.score


@pytest.mark.parametrize(("reference", "answer"), RIGHT)
async def test_the_same_result_is_right(reference, answer):
    assert await score(reference, answer) == 1.0


@pytest.mark.parametrize(("reference", "answer"), WRONG)
async def test_another_result_is_wrong(reference, answer):
    assert await score(reference, answer) == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        r"\boxed{" * 20_000,
        "{" * 100_000,
        "1," * 50_000,
        "answer is " * 10_000,
        "\\frac{" * 20_000,
        "9" * 100_000,
        "\x00" * 100_000,
        " " * 100_000,
        "[[" * 50_000,
        "*" * 100_000,
        "(A" * 50_000,
    ],
    ids=lambda answer: answer[:8],
)
@pytest.mark.parametrize("reference", ["42", "B", "Paris"])
async def test_an_answer_that_loops_is_read_in_bounded_time(reference, answer):
    begun = time.monotonic()
    assert await score(reference, answer) == 0.0
    assert time.monotonic() - begun < 5


async def test_the_evidence_says_what_was_compared():
    mark = await ExactVerifier().mark(PromptLine(reference="7"), r"So \boxed{7}.")
    assert mark.evidence == {"found": "7"}


def test_the_last_declared_result_counts():
    assert extract(r"\boxed{1} no, \boxed{2}") == ["2"]
    assert extract("Answer: 1\nAnswer: 2") == ["2"]
    assert extract(r"\boxed{1} \boxed{") == ["1"]

"""The explanation for a person: never a traceback, and the decision first."""

import io

import pytest
from rich.console import Console
from unit.bodies import EASY, HARD, chat, text_part
from weighbridge.explanation import print_explanation
from weighbridge.features import BLOCKS
from weighbridge.generation import Generation
from weighbridge.scoring import weigh_body


def explained(body):
    generation = Generation.load(None)
    out = io.StringIO()
    print_explanation(Console(file=out, width=100), generation, weigh_body(generation, body))
    return out.getvalue()


def test_the_decision_stands_first_and_every_block_below():
    text = explained(chat(HARD))

    assert text.startswith("→ large   reason score   score 0.")
    assert "What moves the raw score of stage 1" in text
    for name in (*BLOCKS, "word pieces", "raw score", "answered by"):
        assert name in text


def test_the_numbers_are_those_of_the_weighing():
    generation = Generation.load(None)
    weighed = weigh_body(generation, chat(HARD))
    ask, classifier = weighed.prompt.ask, generation.classifier
    lines = {" ".join(line.split()) for line in explained(chat(HARD)).splitlines()}

    assert f"word pieces of the ask that were read {classifier.explain(ask).pieces}" in lines
    assert f"raw score {weighed.complexity.raw:+.3f}" in lines
    assert f"percentile in the calibration traffic {weighed.complexity.score:.1%}" in lines
    assert "answered by stage1" in lines


def test_what_was_not_weighed_shows_no_score():
    assert "raw score" not in explained(chat(HARD, model="llama-large"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"broken", ["reason unparsed", "no score", "not read: expected"]),
        (chat(""), ["reason no-text", "no score", "(none)"]),
        (chat([text_part(EASY), {"type": "audio"}]), ["no: capability", "audio", "reason capab"]),
        (chat("x" * 100_000), ["no: context-window", "yes", "reason context-window"]),
    ],
)
def test_what_was_not_weighed_or_can_not_be_served_is_said(body, words):
    text = explained(body.replace(b'"model": "auto"', b'"model": ""'))

    for word in words:
        assert word in text

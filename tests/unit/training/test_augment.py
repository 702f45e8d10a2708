"""Copies of cases: something around or over the text, the task as hard as it was."""

import inspect

import numpy as np
import pytest
from weighbridge_training import attacks, augment
from weighbridge_training.material import COPIES

TEXT = "Explain why the Collatz conjecture is open,\nin two sentences."


def copies(way, seed, count=40):
    rng = np.random.default_rng(seed)
    return [way(TEXT, rng) for _ in range(count)]


@pytest.mark.parametrize("way", COPIES, ids=lambda way: way.__name__)
def test_the_same_seed_makes_the_same_copies(way):
    assert copies(way, 1) == copies(way, 1) != copies(way, 2)


@pytest.mark.parametrize("way", COPIES, ids=lambda way: way.__name__)
def test_a_copy_differs_from_its_case_and_holds_all_of_it(way):
    letters = {letter for letter in TEXT.casefold() if letter.isalpha()}

    for copy in copies(way, 3):
        assert copy != TEXT
        assert len(copy) >= len(TEXT)
        whole = copy.translate({ord(sign): None for sign in augment._INVISIBLE})
        back = {new: old for old, new in augment._LOOKALIKES.items()}
        assert letters <= set(whole.translate(back).casefold())


def test_no_text_of_the_attacks_was_trained_on():
    """Else their flip rates would tell how well copies were learnt by heart."""
    suite = inspect.getsource(attacks).casefold()
    texts = [*augment._CLAIMS, *augment._SCRAPS, *augment._ASIDES]
    texts += [part for frame in augment._FRAMES for part in frame]

    trained = [text.strip().casefold() for text in texts if len(text.strip()) > 12]
    assert len(trained) > 20
    assert [text for text in trained if text in suite] == []

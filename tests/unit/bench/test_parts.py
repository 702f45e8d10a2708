"""Parts of a decision: each is timed, with texts of the length that is said."""

import io

import pytest
from rich.console import Console
from weighbridge.artifact import load_artifact
from weighbridge.bench import parts
from weighbridge.stages import VOCABULARY, read_vocabulary


@pytest.fixture(scope="module")
def measured():
    """All parts, measured too briefly to mean anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_SECONDS", 1e-6)
        patch.setattr(parts, "_REPETITIONS", 1)
        patch.setattr(parts, "_VARIETY", 4)
        return list(parts.measure_parts())


@pytest.mark.parametrize(
    "name", ["tokenise", "tokenise, tokenizers", "features, tokens too", "stage 1", "stage 2"]
)
@pytest.mark.parametrize("what", ["16 pieces", "256 pieces", "excerpt of 8,000 pieces"])
def test_each_part_of_a_weighing_is_timed_at_each_length(measured, name, what):
    (part,) = [part for part in measured if (part.name, part.what) == (name, what)]

    assert part.micros > 0


@pytest.mark.parametrize("pieces", [16, 512])
def test_texts_have_as_many_pieces_as_is_said_and_differ(pieces):
    vocabulary = read_vocabulary(load_artifact().contents[VOCABULARY])

    texts = parts._texts(vocabulary, pieces)

    assert {len(vocabulary.encode(text)) for text in texts} == {pieces}
    assert len(set(texts)) == len(texts)
    assert texts == parts._texts(vocabulary, pieces)


def test_the_table_shows_every_part(measured):
    out = io.StringIO()
    parts.print_parts(Console(file=out, width=100), iter(measured))

    for part in measured:
        assert f"{part.name} " in out.getvalue()

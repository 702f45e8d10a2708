"""Features: each block is moved by what it names and by nothing else; finite for any text."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.artifacts import DIMENSIONS, PIECES, WIDTH
from unit.bodies import EASY, HARD
from weighbridge.errors import ArtifactError
from weighbridge.features import BLOCKS, EDGE, SHAPE_NAMES, Featurizer
from weighbridge.features import PIECES as MOST
from weighbridge.prompt import Ask
from weighbridge.vocabulary import Vocabulary

TABLE = np.random.default_rng(1).integers(-127, 128, (len(PIECES), DIMENSIONS), dtype=np.int8)
STEPS = np.linspace(0.01, 0.02, DIMENSIONS).astype(np.float32)


def featurizer(table=TABLE, steps=STEPS):
    return Featurizer(Vocabulary(PIECES), table, steps)


@pytest.fixture(scope="module")
def extract():
    made = featurizer()
    return lambda text: made.extract(Ask(text, len(text)))


@pytest.fixture(scope="module")
def block(extract):
    spans = featurizer().spans
    return lambda text, name: extract(text).row[spans[name]]


@pytest.fixture(scope="module")
def shape(block):
    return lambda text: dict(zip(SHAPE_NAMES, block(text, "shape").tolist(), strict=True))


def mean_of(*pieces):
    """What a bag of these pieces should be."""
    vectors = [TABLE[PIECES.index(piece)].astype(np.float64) * STEPS for piece in pieces]
    return np.sum(vectors, axis=0) / np.linalg.norm(np.sum(vectors, axis=0))


@given(st.text(max_size=300))
@settings(deadline=None, derandomize=True, max_examples=200, database=None)
@example("")
@example("\x00")
@example("\ud800")
@example("🐢" * 600)
@example("你好 " * 300)
@example("QUJDRA==" * 200)
@example("\u202eabc\u2066")
@example("Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢" * 20)
def test_every_feature_of_any_text_is_finite_and_within_bounds(extract, text):
    found = extract(text)

    assert found.row.shape == (WIDTH,)
    assert found.row.dtype == np.float32
    assert np.isfinite(found.row).all()
    assert np.abs(found.row[: 3 * DIMENSIONS]).max() <= 1.001
    assert np.abs(found.row).max() <= 100
    assert len(found.ids) <= MOST
    assert found.log_pieces == math.log1p(len(found.ids))


def test_the_blocks_lie_side_by_side_and_fill_the_row():
    spans = featurizer().spans

    assert tuple(spans) == BLOCKS
    assert [place for span in spans.values() for place in range(WIDTH)[span]] == list(range(WIDTH))


@pytest.mark.parametrize("name", ["bag", "head", "tail"])
def test_a_short_text_is_the_mean_of_its_pieces_at_unit_length(block, name):
    assert block("prove what?", name) == pytest.approx(mean_of("prove", "what", "?"), abs=1e-6)


def test_a_piece_counts_once_in_a_bag_wherever_it_stands(block):
    once = block("prove what?", "bag")

    assert np.array_equal(block("what? prove prove " + "what " * 50, "bag"), once)


def test_head_and_tail_see_the_ends_alone(block):
    middle = "b " * 100
    text = "prove " + "a " * (EDGE - 1) + middle + "c " * (EDGE - 1) + "what"

    assert block(text, "head") == pytest.approx(mean_of("prove", "a"), abs=1e-6)
    assert block(text, "tail") == pytest.approx(mean_of("what", "c"), abs=1e-6)
    assert block(text, "bag") == pytest.approx(mean_of("prove", "what", *"abc"), abs=1e-6)


def test_of_a_long_text_as_many_pieces_are_read_from_each_end(extract):
    a, b, c = (PIECES.index(letter) for letter in "abc")

    ids = extract("a " * 1000 + "b " * 1000 + "c " * 1000).ids

    assert ids == [a] * (MOST // 2) + [c] * (MOST // 2)
    assert b not in ids


def test_an_empty_text_means_nothing_and_is_short(extract, shape):
    assert extract("").ids == []
    assert not extract("").row[: 3 * DIMENSIONS].any()
    assert {name for name, value in shape("").items() if value} == {
        "log_pieces",
        "log_pieces_squared",
        "log_bytes",
        "short",
    }


KINDS = [name.removeprefix("count_") for name in SHAPE_NAMES if name.startswith("count_")]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("77", {"digit"}),
        ("AB", {"upper"}),
        ("ab", {"lower"}),
        ("a b", {"lower", "space"}),
        ("\n", {"line"}),
        ("?", {"question"}),
        (".", {"dot"}),
        (",", {"comma"}),
        ("+=", {"operator"}),
        ("()", {"parenthesis"}),
        ("[{", {"bracket"}),
        ("\\", {"backslash"}),
        ("$", {"dollar"}),
        ("'\"`", {"quote"}),
        (":;", {"colon"}),
        ("_", {"underscore"}),
        ("#@", {"hash"}),
        ("-", {"dash"}),
        ("!", {"exclamation"}),
        ("é", {"beyond_ascii"}),
        ("\t", set()),
    ],
)
def test_each_kind_of_character_is_counted_by_itself(shape, text, kinds):
    found = shape(text)

    assert {kind for kind in KINDS if found[f"count_{kind}"]} == kinds
    assert {kind for kind in KINDS if found[f"share_{kind}"]} == kinds


def test_counts_grow_by_the_logarithm_and_shares_are_of_the_bytes(shape):
    found = shape("ab 7777")

    assert found["count_digit"] == pytest.approx(math.log1p(4))
    assert found["share_digit"] == pytest.approx(10 * 4 / 7)
    assert found["log_bytes"] == pytest.approx(math.log1p(7))


@pytest.mark.parametrize(
    ("text", "feature", "value"),
    [
        ("prove what prove", "log_pieces", math.log1p(3)),
        ("prove what prove", "log_pieces_squared", math.log1p(3) ** 2 / 10),
        ("prove what prove", "distinct", 2 / 3),
        ("abc prove", "continued", 2 / 4),
        ("a " * 11, "short", 1.0),
        ("a " * 12, "short", 0.0),
        ("a " * 12, "common", 0.0),
    ],
)
def test_pieces_are_counted(shape, text, feature, value):
    assert shape(text)[feature] == pytest.approx(value)


def test_the_rarity_of_words_is_their_place_in_the_vocabulary():
    pieces = [
        "[UNK]",
        *(f"[unused{number}]" for number in range(1995)),
        "the",
        *("w" * n for n in range(1, 300)),
    ]
    made = Featurizer(Vocabulary(pieces), np.ones((len(pieces), 2), np.int8))

    def shape(text):
        row = made.extract(Ask(text, len(text))).row[made.spans["shape"]]
        return dict(zip(SHAPE_NAMES, row.tolist(), strict=True))

    common, rare = shape("the the"), shape("the " + "w" * 60)
    assert common["common"] == 1
    assert common["rarity"] == common["rarest"] == pytest.approx(math.log(6))
    assert rare["rarest"] == pytest.approx(math.log(60 + 6))
    assert rare["rarity"] == pytest.approx((math.log(6) + math.log(66)) / 2)
    assert shape("?!")["rarity"] == 0


def test_a_table_of_whole_steps_and_one_of_their_values_mean_the_same():
    whole = featurizer().extract(Ask(HARD, 1)).row
    values = featurizer(TABLE.astype(np.float32) * STEPS, None).extract(Ask(HARD, 1)).row

    assert whole == pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize("text", [EASY, HARD])
def test_the_same_text_gives_the_same_row_to_the_last_bit(text):
    one, other = (featurizer().extract(Ask(text, 1)).row for _ in range(2))

    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("table", "steps", "words"),
    [
        (TABLE[1:], STEPS, "expected a vector for each of 62 pieces"),
        (TABLE.ravel(), STEPS, "expected a vector for each of 62 pieces"),
        (TABLE, STEPS[1:], "don't fit"),
        (TABLE, STEPS[None], "don't fit"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table, steps, words):
    with pytest.raises(ArtifactError, match=words):
        featurizer(table, steps)

"""Word pieces: BERT's ids for ordinary text, bounded work and no exception for any other."""

import itertools
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from unit.artifacts import PIECES
from weighbridge import vocabulary as module
from weighbridge.artifact import PACKAGED
from weighbridge.errors import ArtifactError
from weighbridge.stages import VOCABULARY, read_vocabulary
from weighbridge.vocabulary import Vocabulary

ASCII = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=200)
LATIN = "àéîõüçñßœąćłżőěřåøÀÉŁ"
TEXTS = [
    "",
    "   ",
    "Hello, world!",
    "What's the capital of France?",
    "def f(x):\n\treturn x[0] + {'a_b': 1}\n",
    "don't re-use __init__.py; see https://example.org/a?b=c#d",
    "Ünïcödé naïve façade Łódź żółw",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "3.14159 2**31-1 0x7fffffff 1e-9",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "中秋节 is 春 x",
    "日本語のテキスト",
    "привет мир Ёлка",
    "Գրել բանաստեղծություն",
    "a" * 64,
    "[CLS] [SEP] [UNK] ##ing",
]


@pytest.fixture(scope="module")
def packaged():
    return read_vocabulary((PACKAGED / VOCABULARY).read_bytes())


@pytest.fixture(scope="module")
def oracle(packaged):
    """The uncased BERT tokenizer, which knows none of the special pieces in a text."""
    ids = {piece: number for number, piece in enumerate(packaged.pieces)}
    theirs = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))  # noqa: S106 - a word piece
    theirs.normalizer = normalizers.BertNormalizer(lowercase=True)
    theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return lambda text: theirs.encode(text, add_special_tokens=False).ids


@pytest.fixture
def tiny():
    return Vocabulary(PIECES)


def words(vocabulary, text):
    return [vocabulary.pieces[number] for number in vocabulary.encode(text)]


@pytest.mark.parametrize("text", TEXTS)
def test_ordinary_text_gets_the_ids_of_the_uncased_bert_tokenizer(packaged, oracle, text):
    assert packaged.encode(text) == oracle(text)


@given(ASCII | st.text(st.sampled_from("abc XYZ 019 .,-_'()" + LATIN), max_size=80))
@settings(deadline=None, derandomize=True, max_examples=300, database=None)
def test_any_text_of_letters_digits_and_punctuation_gets_them_too(packaged, oracle, text):
    assert packaged.encode(text) == oracle(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("prove", ["prove"]),
        ("Prove!", ["prove", "!"]),
        ("proves", ["prove", "##s"]),
        ("abc", ["a", "##b", "##c"]),
        ("é", ["e"]),
        ("e\u0301\u0323", ["e"]),
        ("1", ["[UNK]"]),
        ("a1", ["[UNK]"]),
        ("£what", ["[UNK]", "what"]),
        ("a\x00b", ["a", "[UNK]", "b"]),
        ("what_what", ["what", "[UNK]", "what"]),
        ("a中b", ["a", "[UNK]", "b"]),
        ("a\u2028b", ["a", "b"]),
        ("x" * 64, ["x", *["##x"] * 63]),
        ("x" * 65, ["[UNK]"]),
        ("é" * 64, ["e", *["##e"] * 63]),
        ("é" * 65, ["[UNK]"]),
    ],
)
def test_pieces_are_the_longest_there_are_and_signs_stand_alone(tiny, text, pieces):
    assert words(tiny, text) == pieces


@given(st.text(max_size=100))
@settings(deadline=None, derandomize=True, max_examples=300, database=None)
@example("\ud800" * 20)
@example("\u202e\u2066abc\u2069")
@example("Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢")
@example("क्या हाल है")
@example("👩‍👩‍👧‍👦" * 10)
def test_any_text_is_encoded_the_same_each_time_into_ids_that_there_are(text):
    vocabulary = Vocabulary(PIECES)

    ids = vocabulary.encode(text)

    assert set(ids) <= set(range(len(vocabulary)))
    assert len(ids) <= len(unicodedata.normalize("NFD", text.lower()))
    assert vocabulary.encode(text) == ids


@given(st.lists(st.text("ab㐰㐱\u3130", min_size=1, max_size=3), max_size=30), st.integers(1, 5))
@settings(deadline=None, derandomize=True, max_examples=100, database=None)
def test_the_memo_changes_no_answer_however_small_it_is(texts, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MEMO", most)
        kept = Vocabulary(PIECES)
        for text in texts:
            assert kept.encode(text) == Vocabulary(PIECES).encode(text)
        assert len(kept._split) <= most


def test_words_whose_letters_are_the_same_bytes_are_told_apart(tiny):
    narrow = next(
        word
        for word in map("".join, itertools.product("abcdefgh", repeat=2))
        if chr(ord(word[0]) + (ord(word[1]) << 8)).isalpha()
    )
    wide = chr(ord(narrow[0]) + (ord(narrow[1]) << 8))
    assert hash(narrow) == hash(wide)

    assert words(tiny, f"{narrow} {wide} {narrow}") == [
        *(narrow[0], f"##{narrow[1]}"),
        "[UNK]",
        *(narrow[0], f"##{narrow[1]}"),
    ]


def test_the_memo_keeps_no_text(tiny):
    tiny.encode("swordfish sword fish")

    assert tiny._split
    assert "sword" not in repr([*tiny._split, *tiny._split.values()])


@pytest.mark.parametrize("long", ["x" * 65, "中" * 65, "a\x00" * 40])
def test_what_is_no_word_takes_no_place_in_the_memo(tiny, long):
    tiny.encode(long)

    assert not tiny._split


def looked_up(text):
    """Looks into the dictionary of pieces that a text costs."""
    looks = []

    class Counting(dict):
        def get(self, key, default=None):
            looks.append(key)
            return super().get(key, default)

    vocabulary = Vocabulary(PIECES)
    vocabulary._ids = Counting(vocabulary._ids)
    vocabulary._whole = Counting(vocabulary._whole)
    vocabulary.encode(text)
    return len(looks)


@pytest.mark.parametrize(
    "pattern",
    [
        "x",
        "x ",
        "!",
        "\x00",
        "中",
        "é",
        "\u0301",
        "👩‍👧",
        "0123456789abcdef",
        "proveprove ",
        "pro ",
    ],
)
def test_the_work_on_a_wall_of_anything_is_linear_in_its_length(pattern):
    wall = pattern * (1_000_000 // len(pattern))

    assert looked_up(wall[:10_000]) <= 6 * 10_000
    assert len(Vocabulary(PIECES).encode(wall)) <= 1_000_000


@pytest.mark.parametrize("pieces", [["a", "b"], ["[UNK]", "a", "a"], []])
def test_pieces_that_make_no_vocabulary_are_refused(pieces):
    with pytest.raises(ArtifactError, match=r"expected distinct pieces, \[UNK\] among them"):
        Vocabulary(pieces)


def test_a_piece_that_is_missing_is_named(tiny):
    assert tiny.id_of("[CLS]") == 1
    with pytest.raises(ArtifactError, match=r"vocabulary: '\[MASK\]' is missing"):
        tiny.id_of("[MASK]")

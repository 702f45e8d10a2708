import pytest
from weighbridge_simulator.tokens import Corpus, count_tokens, hash_blocks, split_text


@pytest.mark.parametrize(("size", "tokens"), [(0, 1), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_four_bytes_are_a_token_and_no_prompt_has_none(size, tokens):
    assert count_tokens(b"x" * size) == tokens


def test_prompts_that_begin_alike_share_their_first_hashes_only():
    one = hash_blocks(b"a" * 64 + b"b" * 64 + b"!", 16)
    two = hash_blocks(b"a" * 64 + b"c" * 64 + b"!", 16)
    assert len(one) == len(two) == 2
    assert one[0] == two[0]
    assert one[1] != two[1]


def test_the_block_with_the_last_token_has_no_hash():
    assert hash_blocks(b"a" * 64, 16) == ()
    assert len(hash_blocks(b"a" * 65, 16)) == 1


def test_equal_blocks_after_different_beginnings_differ():
    one = hash_blocks(b"a" * 64 + b"same" * 16 + b"!", 16)
    two = hash_blocks(b"b" * 64 + b"same" * 16 + b"!", 16)
    assert one[1] != two[1]


@pytest.mark.parametrize("text", ["", "a", "four", "Waage: 12½ Tonnen", "x" * 101])
def test_pieces_joined_are_the_text_again(text):
    pieces = split_text(text)
    assert "".join(pieces) == text
    assert pieces


def test_the_corpus_has_no_end():
    pieces = Corpus(seed=1).cut(start=8000, length=20_000)
    assert len(pieces) == 20_000
    assert not pieces[0].startswith(" ")
    assert all(piece.startswith(" ") for piece in pieces[1:])


def test_corpora_of_different_seeds_differ():
    assert Corpus(seed=1).cut(0, 20) == Corpus(seed=1).cut(0, 20)
    assert Corpus(seed=1).cut(0, 20) != Corpus(seed=2).cut(0, 20)

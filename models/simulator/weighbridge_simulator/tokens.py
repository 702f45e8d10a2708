"""Tokens without a tokenizer: four bytes of prompt are one token, pieces of answers are words.

All of it is a pure function of seed and prompt, so that two runs can be compared byte for byte.
"""

import random

BYTES_PER_TOKEN = 4
"""English prose has about 4.2 bytes per token in the tokenizers of Gemma and Llama."""

_WORDS = (
    "the of and a to in is that it for as with was on be by this are from or at an which one all "
    "there has more if out so what up no can only other new some time these two may then do first "
    "any my now such like our over me even most made after also did many before must through back "
    "years where much your way well down should because each just those people how too little "
    "state good very make world still own see men work long get here between both life being under "
    "never day same another know while last might us great old year off come since against go "
    "scale load beam weight balance measure platform gauge lever mass tare gross axle truck road"
).split()
_CORPUS_PIECES = 1 << 13
_HASH_MASK = (1 << 64) - 1


def count_tokens(content: bytes) -> int:
    """Tokens in a prompt, at least 1. Token ids are passed as four bytes each."""
    return max(1, -(-len(content) // BYTES_PER_TOKEN))


def hash_blocks(content: bytes, block_size: int) -> tuple[int, ...]:
    """One hash for each full block of `block_size` tokens, each covering all that stands before.

    The block that holds the last token is left out: vLLM computes at least one token of a prompt.
    """
    width = block_size * BYTES_PER_TOKEN
    hashes = []
    chain = 0
    for start in range(0, len(content) - width, width):
        chain = hash((chain, content[start : start + width])) & _HASH_MASK
        hashes.append(chain)
    return tuple(hashes)


def split_text(text: str) -> list[str]:
    """Cut a text into pieces of one token each, at least one; joined they are the text again."""
    starts = range(0, max(1, len(text)), BYTES_PER_TOKEN)
    return [text[start : start + BYTES_PER_TOKEN] for start in starts]


class Corpus:
    """An endless text that answers are cut from.

    Args:
        seed: another seed, another text.
    """

    def __init__(self, seed: int) -> None:
        words = random.Random(seed).choices(_WORDS, k=_CORPUS_PIECES)  # noqa: S311  # not secrets
        self._pieces = [f" {word}" for word in words]

    def cut(self, start: int, length: int) -> list[str]:
        """`length` pieces from `start` on, the first without its blank."""
        offset = start % _CORPUS_PIECES
        pieces = self._pieces[offset : offset + length]
        while len(pieces) < length:
            pieces += self._pieces[: length - len(pieces)]
        if pieces:
            pieces[0] = pieces[0].lstrip()
        return pieces

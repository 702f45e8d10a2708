"""Text in, WordPiece ids out: the one tokenization, shared by both stages of the classifier.

For text of letters, digits and punctuation the ids are those of the uncased BERT tokenizer
(`tokenizers` is the oracle of the tests), in a fraction of its time (ADR 7): a word that is one
piece, as nearly all of English, is one look into a dictionary. Signs such as £ stand alone here,
not with the word beside them, and so does what BERT would drop; models are trained on these ids.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from weighbridge.errors import ArtifactError

_MARKS: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u0652\u0900-\u0902\u3099\u309a"
    "\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+"
)
"""Marks upon letters, and signs that nobody sees."""
_IDEOGRAPHS: Final = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORDS: Final = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+|[^\w\s]|_")
_SIGNS: Final = tuple((sign, f" {sign} ") for sign in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_CONTINUED: Final = "##"
_UNKNOWN: Final = "[UNK]"
_MEMO: Final = 16_384
"""Split words kept: names, code, other languages. By hash, so that no text stays in memory."""
_LONGEST: Final = 64
"""Characters past which a word is no word: base64, a wall of one letter."""


class Vocabulary:
    """A WordPiece vocabulary.

    Args:
        pieces: by id.

    Raises:
        ArtifactError: for pieces that are not distinct, or lack the one for the unknown.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces = tuple(pieces)
        self._ids = {piece: number for number, piece in enumerate(self.pieces)}
        if len(self._ids) != len(self.pieces) or _UNKNOWN not in self._ids:
            raise ArtifactError(f"vocabulary: expected distinct pieces, {_UNKNOWN} among them")
        self._unknown = self._ids[_UNKNOWN]
        self._whole = {
            piece: number for piece, number in self._ids.items() if _WORDS.fullmatch(piece)
        }
        self._reach = _reach_of(self.pieces)
        self._split: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self.pieces)

    def id_of(self, piece: str) -> int:
        """The id of one piece.

        Raises:
            ArtifactError: if it is not there.
        """
        try:
            return self._ids[piece]
        except KeyError as error:
            raise ArtifactError(f"vocabulary: {piece!r} is missing") from error

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without marks for its ends. Time is linear in its length."""
        text = text.lower()
        if not text.isascii():
            text = _MARKS.sub("", unicodedata.normalize("NFD", text))
        # Half the time of a regular expression that finds the words, which `_cut` still needs
        # where a word is not plain.
        for sign, apart in _SIGNS:
            if sign in text:
                text = text.replace(sign, apart)
        whole = self._whole
        ids: list[int] = []
        for word in text.split():
            number = whole.get(word)
            if number is None:
                ids += self._pieces_of(word)
            else:
                ids.append(number)
        return ids

    def _pieces_of(self, word: str) -> list[int]:
        """The pieces of what stands between two blanks."""
        if len(word) > _LONGEST:
            return self._cut(word)  # not kept: the memory of the memo must have a bound
        # With the length, for a word of n wide characters has the hash of one of 2n narrow ones.
        key = hash(word) + len(word)
        found = self._split.get(key)
        if found is None:
            found = self._cut(word)
            if len(self._split) >= _MEMO:
                self._split.clear()
            self._split[key] = found
        return found

    def _cut(self, word: str) -> list[int]:
        if word.isascii() and word.isalnum():
            return self._cut_plain(word)
        found: list[int] = []
        for part in _WORDS.findall(word):
            number = self._whole.get(part)
            found += self._cut_plain(part) if number is None else (number,)
        return found

    def _cut_plain(self, word: str) -> list[int]:
        """Longest pieces first, from the left."""
        if not 1 < len(word) <= _LONGEST:
            return [self._whole.get(word, self._unknown)]
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = _CONTINUED if start else ""
            reach = self._reach.get(prefix + word[start : start + 2], 1)
            for end in range(min(start + reach, len(word)), start, -1):
                number = self._ids.get(prefix + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return [self._unknown]
        return found


def _reach_of(pieces: Iterable[str]) -> dict[str, int]:
    """Characters of the longest piece that begins with two characters, ## not counted.

    Bounds the search for the longest piece: a wall of hexadecimal digits has short ones alone.
    """
    reach: dict[str, int] = {}
    for piece in pieces:
        marks = len(_CONTINUED) if piece.startswith(_CONTINUED) else 0
        key = piece[: marks + 2]
        reach[key] = max(reach.get(key, 1), len(piece) - marks)
    return reach

"""An ask in, one row of numbers out: what the words mean, and how the text is made.

Four blocks. `bag`, `head` and `tail` are means of static word-piece vectors: over the distinct
pieces of the text, of its first and of its last few; each piece counts once, so that repeating a
word moves nothing. `shape` counts kinds of characters and pieces. All is vectorised; nothing here
was fitted but the table.
"""

import math
from collections.abc import Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.errors import ArtifactError
from weighbridge.prompt import Ask
from weighbridge.vocabulary import Vocabulary

Floats = npt.NDArray[np.float32]

PIECES: Final = 512
"""Pieces read; of a longer text as many from each end."""
EDGE: Final = 24
"""Pieces of `head` and of `tail`: where the instruction stands."""

_KINDS: Final = {
    "digit": b"0123456789",
    "upper": bytes(range(65, 91)),
    "lower": bytes(range(97, 123)),
    "space": b" ",
    "line": b"\n",
    "question": b"?",
    "dot": b".",
    "comma": b",",
    "operator": b"+*/=<>^%|&~",
    "parenthesis": b"()",
    "bracket": b"[]{}",
    "backslash": b"\\",
    "dollar": b"$",
    "quote": b"\"'`",
    "colon": b":;",
    "underscore": b"_",
    "hash": b"#@",
    "dash": b"-",
    "exclamation": b"!",
    "beyond_ascii": bytes(range(128, 256)),
}
_SHARE_SCALE: Final = 10.0
_LEAST_NORM: Final = 1e-6
_SHORT: Final = 12
"""Pieces below which a text is called short."""
_FIRST_WORD: Final = 1996
"""Where the words of BERT's vocabulary begin; from there on they are sorted by frequency."""
_COMMON: Final = 204
"""The most frequent words: articles, pronouns, prepositions."""

SHAPE_NAMES: Final = (
    *(f"count_{kind}" for kind in _KINDS),
    *(f"share_{kind}" for kind in _KINDS),
    "log_pieces",
    "log_bytes",
    "distinct",
    "continued",
    "rarity",
    "rarest",
    "common",
    "log_pieces_squared",
    "short",
)
BLOCKS: Final = ("bag", "head", "tail", "shape")


class Features(msgspec.Struct, frozen=True, gc=False):
    """What the classifier sees of one ask.

    Attributes:
        ids: word pieces, `PIECES` at most; stage 2 reads the same.
        row: the blocks one after another, float32, not yet scaled.
        log_pieces: log1p of the number of pieces: the length of the text.
    """

    ids: list[int]
    row: Floats
    log_pieces: float


class Featurizer:
    """Makes `Features`.

    Args:
        vocabulary: word pieces.
        table: vector of each piece, pieces x dimensions; of int8, as artifacts hold it, a quarter
            of the memory is touched, and sums are exact whatever their order.
        steps: what one step of the table is worth, by dimension; None: one.

    Raises:
        ArtifactError: if these don't fit each other.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        table: npt.NDArray[np.int8] | Floats,
        steps: Floats | None = None,
    ) -> None:
        if table.ndim != 2 or len(table) != len(vocabulary):  # noqa: PLR2004 - a matrix
            raise ArtifactError(
                f"expected a vector for each of {len(vocabulary)} pieces, came {table.shape}"
            )
        self.vocabulary = vocabulary
        self.dimensions = table.shape[1]
        self.width = 3 * self.dimensions + len(SHAPE_NAMES)
        self._table = np.ascontiguousarray(table)
        self._steps = np.ones(self.dimensions, np.float32) if steps is None else steps
        if self._steps.shape != (self.dimensions,):
            raise ArtifactError(f"table {table.shape} and table_step {self._steps.shape} don't fit")
        self._kinds = _kinds_of_bytes()
        self._pieces = _kinds_of_pieces(vocabulary)

    @property
    def spans(self) -> dict[str, slice]:
        """Where each block lies in a row."""
        d = self.dimensions
        ends = (0, d, 2 * d, 3 * d, self.width)
        return {name: slice(*ends[number : number + 2]) for number, name in enumerate(BLOCKS)}

    def extract(self, ask: Ask) -> Features:
        """Look at one ask. Time is bounded by the length of `ask.text`."""
        ids = self.vocabulary.encode(ask.text)
        if len(ids) > PIECES:
            ids = ids[: PIECES // 2] + ids[-(PIECES // 2) :]
        row = np.zeros(self.width, np.float32)
        distinct = set(ids)
        if ids:
            meaning = row[: 3 * self.dimensions].reshape(3, self.dimensions)
            self._fill_meaning(meaning, (distinct, set(ids[:EDGE]), set(ids[-EDGE:])))
        raw = ask.text.encode("utf-8", "replace")
        self._fill_shape(row[3 * self.dimensions :], ids, len(distinct), raw)
        return Features(ids, row, math.log1p(len(ids)))

    def _fill_meaning(self, rows: Floats, bags: Sequence[set[int]]) -> None:
        numbers = np.fromiter(chain(*bags), np.intp, sum(map(len, bags)))
        vectors = self._table.take(numbers, axis=0).astype(np.float32, copy=False)
        start = 0
        for row, bag in zip(rows, bags, strict=True):
            end = start + len(bag)
            # A tenth of the time of `sum`; the numbers are whole, so no order of summing shows.
            np.matmul(_ONES[: len(bag)], vectors[start:end], out=row)
            start = end
        rows *= self._steps
        for row in rows:
            # Of unit length: the mean of many words would shrink towards nothing.
            np.divide(row, max(math.sqrt(row.dot(row)), _LEAST_NORM), out=row)

    def _fill_shape(self, row: Floats, ids: list[int], distinct: int, raw: bytes) -> None:
        kinds = len(_KINDS)
        octets = np.frombuffer(raw, np.uint8)
        counts = np.bincount(octets, minlength=256).astype(np.float32) @ self._kinds
        np.log1p(counts, out=row[:kinds])
        np.multiply(counts, _SHARE_SCALE / max(len(raw), 1), out=row[kinds : 2 * kinds])
        number = max(len(ids), 1)
        length = math.log1p(number)
        numbers = np.fromiter(ids, np.intp, len(ids))
        of_pieces = self._pieces.take(numbers, axis=1) if ids else _NO_PIECES
        continued, rank, common, letters = np.add.reduce(of_pieces, axis=1).tolist()
        row[2 * kinds :] = (
            length,
            math.log1p(max(len(raw), 1)),
            distinct / number,
            continued / number,
            rank / max(letters, 1.0),
            float(of_pieces[1].max()),
            common / number,
            length * length / _SHARE_SCALE,
            float(len(ids) < _SHORT),
        )


_NO_PIECES = np.zeros((4, 1), np.float32)
_ONES = np.ones(PIECES, np.float32)


def _kinds_of_bytes() -> Floats:
    """256 x kinds: 1 where a byte is of a kind."""
    table = np.zeros((256, len(_KINDS)), np.float32)
    for column, members in enumerate(_KINDS.values()):
        table[list(members), column] = 1.0
    return table


def _kinds_of_pieces(vocabulary: Vocabulary) -> Floats:
    """(continues a word, log rank by frequency, is common, is of letters) x pieces."""
    table = np.zeros((4, len(vocabulary)), np.float32)
    for number, piece in enumerate(vocabulary.pieces):
        letters = piece.isalpha()
        rank = math.log(max(number - _FIRST_WORD + 6, 1)) if letters else 0.0
        common = _FIRST_WORD <= number < _FIRST_WORD + _COMMON
        table[:, number] = (piece.startswith("##"), rank, common, letters)
    return table

"""The public sets, for the evaluation alone: nothing that trains, selects or sets may import this.

Each set is the rows of one file and the pair of models that its published figures are about.
"""

from pathlib import Path
from typing import Final

import msgspec

from weighbridge_training.sets import LLMROUTER_PAIR, PairedRows, pair_up, read_rows


class PublicSet(msgspec.Struct, frozen=True):
    """One file below ``public/``.

    Attributes:
        name: as the reports print it.
        file: without its ending.
        models: small and large, where the file has more than two.
        most: the highest score a model can get.
    """

    name: str
    file: str
    models: tuple[str, str] | None = None
    most: float = 1.0


MT_BENCH: Final = PublicSet("MT-Bench", "routellm_mtbench", most=10.0)
LLMROUTER: Final = PublicSet("llmrouter_test", "llmrouter_test", LLMROUTER_PAIR)
MMLU: Final = PublicSet("MMLU", "routellm_mmlu")
GSM8K: Final = PublicSet("GSM8K", "routellm_gsm8k")
PUBLIC: Final = (MT_BENCH, LLMROUTER, MMLU, GSM8K)


def read_public(data: Path, which: PublicSet) -> PairedRows:
    """Read one set.

    Raises:
        RecordError: if the file is missing or can't be used.
    """
    rows = read_rows(data / "public" / f"{which.file}.jsonl.gz")
    return pair_up(which.name, rows, which.models)


def without(paired: PairedRows, ids: frozenset[str]) -> PairedRows:
    """Leave out rows by id: those that a fitted artifact has seen."""
    if not ids.intersection(row.id for row in paired.rows):
        return paired
    kept = [place for place, row in enumerate(paired.rows) if row.id not in ids]
    return msgspec.structs.replace(
        paired,
        rows=[paired.rows[place] for place in kept],
        weak=paired.weak[kept],
        strong=paired.strong[kept],
    )

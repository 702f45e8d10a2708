"""What the default artifact is trained on: graded cases and recorded scores.

Cases set the order across types of prompt. The recorded scores of other models say which prompts of
one task more of them failed; across tasks they say how answers were graded, so each is centred.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load
from weighbridge.errors import ArtifactError
from weighbridge.features import Featurizer
from weighbridge.kernel import Doubles, Floats
from weighbridge.learn.fitting import Ints, centred
from weighbridge.learn.quality import Outcomes
from weighbridge.learn.rows import Material, Watch, ask_of, ask_of_text, make_material
from weighbridge.stages import ENCODER, STAGE_1, VOCABULARY, Encoder, read_vocabulary

from weighbridge_training.augment import augmented, framed
from weighbridge_training.graded import GradedCase, read_cases
from weighbridge_training.sets import Row, read_train

CASES: Final = Path(__file__).parents[1] / "cases" / "train"
DATA_FILES: Final = ("llmrouter_train", "mmlupro_train")
"""Not the third, gold labels of one pair: its rows stand in a public set too."""
COPIES: Final = (framed, augmented)
"""Makes one copy each of every case."""
COPY: Final = 0.5
"""Weight of a copy beside a case."""
_TELL_EVERY: Final = 500
_PAIRS: Final = (
    ("gemma-2-9b-it", "llama-3.1-nemotron-51b-instruct"),
    ("mistral-7b-instruct-v0.3", "llama-3.1-nemotron-51b-instruct"),
    ("llama-3.1-8b-instruct", "llama-3.1-nemotron-51b-instruct"),
)


class Gap(msgspec.Struct, frozen=True, eq=False):
    """What one pair of models made of some recorded rows.

    Attributes:
        rows: their index.
        outcomes: of these rows.
    """

    rows: npt.NDArray[np.int64]
    outcomes: Outcomes


class Training(msgspec.Struct, frozen=True, eq=False):
    """All that both stages are fitted to.

    Attributes:
        grades: of the cases, then of their augmented copies.
        parents: index of the case that each of these is, or is a copy of.
        failures: of the recorded rows, centred within their task.
        tasks: of the recorded rows.
        gaps: pairs of models, for judging.
        cases: rows of the cases.
        recorded: rows of the recorded prompts.
    """

    grades: Doubles
    parents: Ints
    failures: Doubles
    tasks: list[str]
    gaps: list[Gap]
    cases: Material
    recorded: Material

    def rows(self, *, states: bool) -> Floats:
        """Cases, then recorded prompts."""
        parts = (self.cases, self.recorded)
        return np.vstack([part.whole(states=states) for part in parts])

    def targets(self, lessons: Doubles | None = None) -> Doubles:
        """Grade and failure; NaN where a prompt has none.

        Args:
            lessons: grades that stage 2 gives to the recorded prompts; None: these have none.
        """
        cases, recorded = len(self.grades), len(self.failures)
        targets = np.full((cases + recorded, 2), np.nan)
        targets[:cases, 0] = self.grades
        targets[cases:, 1] = self.failures
        if lessons is not None:
            targets[cases:, 0] = lessons
        return targets

    def lengths(self) -> Doubles:
        """Log pieces of each prompt."""
        return np.concatenate([self.cases.lengths, self.recorded.lengths])

    def weights(self, lesson: float) -> Doubles:
        """Of each prompt: cases count whole."""
        copies = self.parents != np.arange(len(self.parents))
        cases = np.where(copies, COPY, 1.0)
        return np.concatenate([cases, np.full(len(self.failures), lesson)])

    @property
    def originals(self) -> int:
        """How many cases there are without the copies."""
        return int(self.parents.max()) + 1


class Base(msgspec.Struct, frozen=True, eq=False):
    """What an artifact rests on, and the files of it that are taken over as they are."""

    featurizer: Featurizer
    encoder: Encoder
    table: dict[str, Any]
    files: dict[str, bytes]


def read_base(folder: Path) -> Base:
    """Read what `make base` wrote, or an artifact.

    Raises:
        ArtifactError: if the folder is neither.
    """
    source = folder / "table.safetensors"
    try:
        found = load((source if source.exists() else folder / STAGE_1).read_bytes())
        files = {name: (folder / name).read_bytes() for name in (VOCABULARY, ENCODER)}
        table = {name: found[name] for name in ("table", "table_step")}
    except (OSError, SafetensorError, KeyError) as error:
        raise ArtifactError(
            f"{folder}: expected an artifact of two stages, or what `make base` writes: {error}"
        ) from error
    vocabulary = read_vocabulary(files[VOCABULARY])
    featurizer = Featurizer(vocabulary, table["table"], table["table_step"])
    return Base(featurizer, Encoder(files[ENCODER], vocabulary), table, files)


def gather(data: Path, featurizer: Featurizer, encoder: Encoder, seed: int) -> Training:
    """Read all prompts, copy the cases with something around them, and extract all features."""
    cases = read_graded()
    recorded = read_recorded(data)
    asks = [ask_of_text(row.prompt) for row in recorded]
    plain = [number for number, case in enumerate(cases) if case.prompt]
    rng = np.random.default_rng(seed)
    copies = [ask_of_text(copy(cases[one].prompt, rng)) for copy in COPIES for one in plain]
    parents = [*range(len(cases)), *(plain * len(COPIES))]
    graded = [*(ask_of(case.body()) for case in cases), *copies]
    of_cases = make_material(graded, featurizer, encoder, _watch("cases", len(graded)))
    of_recorded = make_material(asks, featurizer, encoder, _watch("recorded prompts", len(asks)))
    return Training(
        grades=np.array([float(cases[number].difficulty) for number in parents]),
        parents=np.array(parents, np.int64),
        failures=failures(recorded),
        tasks=[row.task for row in recorded],
        gaps=list(_gaps(recorded)),
        cases=of_cases,
        recorded=of_recorded,
    )


def _gaps(recorded: Sequence[Row]) -> Iterator[Gap]:
    for small, large in _PAIRS:
        scores = [(row.scores.get(small), row.scores.get(large)) for row in recorded]
        known = [number for number, pair in enumerate(scores) if None not in pair]
        weak, strong = np.array([scores[number] for number in known], dtype=np.float64).T
        yield Gap(np.array(known), Outcomes.of(weak, strong))


def read_graded() -> list[GradedCase]:
    """The training part of the cases."""
    return read_cases(CASES)


def read_recorded(data: Path) -> list[Row]:
    """The rows of `DATA_FILES`."""
    return [row for name in DATA_FILES for row in read_train(data, name)]


def failures(rows: Sequence[Row]) -> Doubles:
    """Mean failure of all models on each prompt, 0..1, less the mean of its task."""
    known = ([score for score in row.scores.values() if score is not None] for row in rows)
    failed = np.array([1 - float(np.mean(scores)) for scores in known])
    return centred(failed, [row.task for row in rows])


def digests(data: Path) -> dict[str, str]:
    """SHA-256 of each file that is trained on, by name."""
    recorded = (data / "train" / f"{name}.jsonl.gz" for name in DATA_FILES)
    files = [*sorted(CASES.glob("*.jsonl")), *recorded]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _watch(name: str, count: int) -> Watch:
    def say(done: int) -> None:
        if done % _TELL_EVERY == 0 or done == count:
            print(f"{name}: {done} of {count}", flush=True)

    return say

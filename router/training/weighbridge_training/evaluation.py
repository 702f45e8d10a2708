"""An artifact and the data in, every number of the evaluation out.

All prompts go the router's own way: read, guarded, weighed and decided, one by one, in this
process. What is timed is that way, from the bytes of the request to the decision.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
import numpy as np
from weighbridge import __version__
from weighbridge.generation import Generation
from weighbridge.learn.report.analysis import Analysis, Rows, analyse
from weighbridge.learn.report.labelled import ranked, timed_lengths
from weighbridge.learn.report.verdict import LENGTH
from weighbridge.scoring import Weighed, explain_text

from weighbridge_training import graded
from weighbridge_training.attacks import ATTACKS, AttackResult, run_attacks
from weighbridge_training.peers import PeerScores
from weighbridge_training.sets import PairedRows

OURS: Final = "Weighbridge"

_WARM_UPS: Final = 64

Peers = Callable[[Sequence[str], Callable[[], object]], Mapping[str, PeerScores]]
"""Texts, and what to call after each, in; scores by name out."""


class Progress(Protocol):
    """Something that shows how far a step is."""

    def __call__(self, what: str, total: int) -> Callable[[], object]:
        """Begin a step of `total` parts; the answer is called after each part."""
        ...


class SetReport(msgspec.Struct, frozen=True):
    """One public set.

    Attributes:
        analysis: the numbers.
        stages: how many rows each stage of the classifier answered.
        unscored: rows that were decided without a score.
    """

    analysis: Analysis
    stages: dict[str, int]
    unscored: int


class Evaluation(msgspec.Struct, frozen=True):
    """The whole evaluation.

    Attributes:
        weighbridge: version of this package.
        classifier: name of the artifact's classifier.
        artifact: short SHA-256 of the artifact's manifest.
        threshold: of the settings; cases and attacks are decided by it.
        sets: the public sets.
        cases: graded prompts of our own.
        attacks: flip rates.
        peer: version of LiteLLM; "" if it was not asked for.
        peer_fault: why there are no figures of it.
        remarks: what was left out, and why.
    """

    weighbridge: str
    classifier: str
    artifact: str
    threshold: float
    sets: list[SetReport]
    cases: graded.CaseReport
    attacks: list[AttackResult]
    peer: str = ""
    peer_fault: str = ""
    remarks: list[str] = []

    @property
    def analyses(self) -> list[Analysis]:
        """Of the sets on which anything could be measured."""
        return [report.analysis for report in self.sets if not report.analysis.fault]


def evaluate(
    generation: Generation,
    sets: Iterable[PairedRows],
    cases: Sequence[graded.GradedCase],
    progress: Progress,
    peers: Peers | None = None,
) -> Evaluation:
    """Measure an artifact; `sets` may be read as they are needed."""
    reports = [evaluate_set(generation, paired, progress, peers) for paired in sets]
    decided = graded.decide(generation, cases, progress("own cases", len(cases)))
    hard_or_easy = sum(case.hard is not None for case in cases)
    tried = hard_or_easy * (1 + len(ATTACKS))
    return Evaluation(
        weighbridge=__version__,
        classifier=generation.classifier.name,
        artifact=generation.artifact_digest,
        threshold=generation.settings.policy.threshold,
        sets=reports,
        cases=graded.report(decided),
        attacks=run_attacks(generation, cases, progress("attacks", tried)),
    )


def evaluate_set(
    generation: Generation, paired: PairedRows, progress: Progress, peers: Peers | None = None
) -> SetReport:
    """Score one set by every contestant, and measure."""
    told = progress(paired.name, len(paired.rows))
    weighed = weigh_texts(generation, paired.prompts, told)
    lengths, length_seconds = timed_lengths(paired.prompts)
    scores = {
        OURS: np.array([ranked(one, generation) for one in weighed]),
        LENGTH: lengths,
    }
    seconds = {OURS: np.array([one.seconds for one in weighed]), LENGTH: length_seconds}
    if peers:
        answers = peers(paired.prompts, progress(f"{paired.name}, LiteLLM", len(paired.rows)))
        scores |= {name: answer.values for name, answer in answers.items()}
        seconds |= {name: answer.seconds for name, answer in answers.items()}
    tasks = paired.tasks if len(set(paired.tasks)) > 1 else ()
    names = (paired.small.rpartition("/")[2], paired.large.rpartition("/")[2])
    rows = Rows(paired.name, scores, paired.weak, paired.strong, *names, tasks, seconds)
    stages = Counter(one.complexity.stage for one in weighed if one.complexity)
    unscored = sum(one.decision.score is None for one in weighed)
    return SetReport(analyse(rows), dict(stages), unscored)


def weigh_texts(
    generation: Generation, texts: Sequence[str], told: Callable[[], object]
) -> list[Weighed]:
    """Decide each text as the router would, after a few that warm the process up."""
    for number in range(_WARM_UPS):
        explain_text(generation, f"warming up, for the {number}th time")
    weighed = []
    for text in texts:
        weighed.append(explain_text(generation, text))
        told()
    return weighed


def write_evaluation(evaluation: Evaluation, html: str, folder: Path) -> tuple[Path, Path]:
    """Write ``evaluation.json`` and ``evaluation.html``; returns where they lie."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers, page = folder / "evaluation.json", folder / "evaluation.html"
    encoded = msgspec.json.format(msgspec.json.encode(evaluation), indent=2)
    numbers.write_bytes(encoded + b"\n")
    page.write_text(html, encoding="utf-8")
    return numbers, page

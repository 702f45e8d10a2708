"""Asks in, a `Complexity` out. `Classifier` is the seam: policy and stream know nothing else of it.

The classifier is a cascade: stage 1 judges every prompt between two reads of the event loop; stage
2, if the artifact has one and the settings want it, judges again what lies near the threshold.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from weighbridge.artifact import Artifact
from weighbridge.calibration import Calibration
from weighbridge.errors import ArtifactError
from weighbridge.features import Features
from weighbridge.prompt import Ask, Prompt
from weighbridge.stages import STAGE_2, Stage1, Stage2

KIND = "kernel"
"""The kind of artifact that this release knows."""
STAGES = ("stage1", "stage2")
"""Names of the stages, first to last."""


class Complexity(msgspec.Struct, frozen=True, gc=False):
    """How hard a prompt is.

    Attributes:
        score: of the newest ask, 0..1: its percentile in the calibration traffic.
        earlier: the highest score among the earlier asks; 0 where there are none.
        stage: which stage of the classifier gave the answer.
        raw: of the newest ask, before calibration; rises with `score`.
        late: stage 2 was asked and did not answer in time.
        remembered: the answer was known, of an equal ask before.
    """

    score: float
    earlier: float = 0.0
    stage: str = STAGES[0]
    raw: float = 0.0
    late: bool = False
    remembered: bool = False

    @property
    def is_refined(self) -> bool:
        """Whether stage 2 gave the answer."""
        return self.stage == STAGES[1]


class Explanation(msgspec.Struct, frozen=True):
    """How stage 1 came to its raw score, for a person to read.

    Attributes:
        pieces: word pieces read.
        effects: by block of features, how far the raw score would fall if it were average.
    """

    pieces: int
    effects: Mapping[str, float]


class Classifier(Protocol):
    """Weighs prompts."""

    @property
    def name(self) -> str:
        """For logs and metrics."""

    @property
    def calibration(self) -> Calibration:
        """From raw scores to percentiles."""

    @property
    def has_second_stage(self) -> bool:
        """Whether `refine` may be called."""

    def weigh(self, prompt: Prompt) -> Complexity:
        """Judge the newest ask and, for stickiness, the earlier ones; must not block."""

    def refine(self, prompt: Prompt, complexity: Complexity) -> Complexity:
        """Judge the newest ask again by the second stage; blocks for milliseconds."""

    def explain(self, ask: Ask) -> Explanation:
        """What moves the raw score of one ask."""


class Cascade:
    """One or two stages.

    Args:
        name: for logs and metrics.
        stage1: judges every ask.
        stage2: judges again; None: there is none.
    """

    _MEMO = 8192
    """Raw scores kept. Each turn of a conversation brings all its earlier asks again."""

    def __init__(self, name: str, stage1: Stage1, stage2: Stage2 | None = None) -> None:
        self.name = name
        self.calibration = stage1.calibration
        self.has_second_stage = stage2 is not None
        self.stage1 = stage1
        self.stage2 = stage2
        # Keyed by hash and length, so that no prompt text stays in memory. Threads of stage 2 write
        # to the second while the event loop reads it; each step is atomic, and a lost entry costs
        # no more than its time.
        self._memo: dict[tuple[int, int], float] = {}
        self._refined: dict[tuple[int, int], float] = {}

    def weigh(self, prompt: Prompt) -> Complexity:
        """See `Classifier`."""
        if prompt.ask is None:
            return Complexity(0.0)
        percentile = self.calibration.percentile
        raws = [self._raw(ask) for ask in prompt.earlier]
        earlier = percentile(max(raws)) if raws else 0.0
        key = _key(prompt.ask)
        refined = self._refined.get(key)
        if refined is not None:
            return Complexity(percentile(refined), earlier, STAGES[1], refined, remembered=True)
        known = self._memo.get(key)
        raw = self._judged(prompt.ask, key) if known is None else known
        return Complexity(percentile(raw), earlier, STAGES[0], raw, remembered=known is not None)

    def refine(self, prompt: Prompt, complexity: Complexity) -> Complexity:
        """See `Classifier`."""
        if prompt.ask is None or self.stage2 is None:
            return complexity
        raw = self.stage2.raw(self.features(prompt.ask))
        _keep(self._refined, _key(prompt.ask), raw, self._MEMO)
        return Complexity(self.calibration.percentile(raw), complexity.earlier, STAGES[1], raw)

    def explain(self, ask: Ask) -> Explanation:
        """See `Classifier`."""
        features = self.features(ask)
        return Explanation(len(features.ids), self.stage1.effects(features))

    def features(self, ask: Ask) -> Features:
        """What the stages see of an ask."""
        return self.stage1.featurizer.extract(ask)

    def _raw(self, ask: Ask) -> float:
        key = _key(ask)
        raw = self._refined.get(key)
        if raw is None:
            raw = self._memo.get(key)
        return self._judged(ask, key) if raw is None else raw

    def _judged(self, ask: Ask, key: tuple[int, int]) -> float:
        raw = self.stage1.raw(self.features(ask))
        _keep(self._memo, key, raw, self._MEMO)
        return raw


def _key(ask: Ask) -> tuple[int, int]:
    # The length too: a text of n wide characters has the hash of one of 2n narrow ones.
    return hash(ask.text), len(ask.text)


def _keep(memo: dict[tuple[int, int], float], key: tuple[int, int], raw: float, most: int) -> None:
    if len(memo) >= most:
        memo.clear()
    memo[key] = raw


def make_classifier(artifact: Artifact, *, second_stage: bool = True) -> Cascade:
    """Build the classifier that an artifact describes.

    Args:
        artifact: as loaded.
        second_stage: load stage 2, if the artifact has one.

    Raises:
        ArtifactError: for a kind that this release does not know, or files that don't fit it.
    """
    kind = artifact.manifest.kind
    if kind != KIND:
        raise ArtifactError(f"artifact of kind {kind!r}: this release knows only {KIND!r}")
    stage1 = Stage1(artifact)
    wanted = second_stage and STAGE_2 in artifact.contents
    return Cascade(artifact.manifest.name, stage1, Stage2(artifact, stage1) if wanted else None)

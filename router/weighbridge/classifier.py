"""Asks in, a `Complexity` out. `Classifier` is the seam: policy and stream know nothing else of it.

The first classifier is lexical: a logistic sum of `Features` with weights set by hand. It makes no
claim of quality; a trained cascade takes its place behind the same protocol.
"""

import math
from collections.abc import Mapping
from typing import Protocol

import msgspec

from weighbridge.artifact import Artifact
from weighbridge.errors import ArtifactError
from weighbridge.features import FEATURE_NAMES, Features, extract_features
from weighbridge.prompt import Ask, Prompt

_MOST_LOGIT = 60.0
"""Past it a logistic function is 0 or 1 in floating point, and its exponential overflows."""


class Complexity(msgspec.Struct, frozen=True, gc=False):
    """How hard a prompt is.

    Attributes:
        score: of the newest ask, 0..1, higher is harder.
        earlier: the highest score among the earlier asks; 0 where there are none.
        stage: which stage of the classifier gave the answer.
        raw: of the newest ask, before calibration; rises with `score`.
    """

    score: float
    earlier: float = 0.0
    stage: str = "lexical"
    raw: float = 0.0


class Classifier(Protocol):
    """Weighs prompts. Must not block: it runs on the event loop, between two reads."""

    @property
    def name(self) -> str:
        """For logs and metrics."""

    def weigh(self, prompt: Prompt) -> Complexity:
        """Judge the newest ask and, for stickiness, the earlier ones; `prompt.ask` is not None."""

    def explain(self, ask: Ask) -> Mapping[str, float]:
        """What each feature adds to the score of one ask, for a person to read."""


class LexicalWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file `weights.json`: a bias, and a weight for each feature."""

    bias: float
    weights: dict[str, float]


class LexicalClassifier:
    """A logistic sum of lexical features."""

    name: str
    _MEMO = 8192
    """Scores kept. Each turn of a conversation brings all its earlier asks again."""

    def __init__(self, name: str, weights: LexicalWeights) -> None:
        unknown = sorted(set(weights.weights) ^ set(FEATURE_NAMES))
        if unknown:
            raise ArtifactError(f"weights and features disagree about: {', '.join(unknown)}")
        self.name = name
        self._bias = weights.bias
        self._weights = tuple(weights.weights[feature] for feature in FEATURE_NAMES)
        # Keyed by hash and length, so that no prompt text stays in memory.
        self._memo: dict[tuple[int, int], float] = {}

    def weigh(self, prompt: Prompt) -> Complexity:
        """See `Classifier`."""
        if prompt.ask is None:
            return Complexity(0.0)
        earlier = max(map(self._score, prompt.earlier), default=0.0)
        score = self._score(prompt.ask)
        return Complexity(score, earlier, raw=score)

    def explain(self, ask: Ask) -> Mapping[str, float]:
        """See `Classifier`; the values and `bias` add up to the logit of the score."""
        parts = self._parts(extract_features(ask))
        return {"bias": self._bias, **dict(zip(FEATURE_NAMES, parts, strict=True))}

    def _score(self, ask: Ask) -> float:
        key = (hash(ask.text), ask.size)
        score = self._memo.get(key)
        if score is None:
            logit = self._bias + sum(self._parts(extract_features(ask)))
            score = 1 / (1 + math.exp(-max(-_MOST_LOGIT, min(logit, _MOST_LOGIT))))
            if len(self._memo) >= self._MEMO:
                self._memo.clear()
            self._memo[key] = score
        return score

    def _parts(self, features: Features) -> tuple[float, ...]:
        values = msgspec.structs.astuple(features)
        return tuple(weight * value for weight, value in zip(self._weights, values, strict=True))


def make_classifier(artifact: Artifact) -> Classifier:
    """Build the classifier that an artifact describes.

    Raises:
        ArtifactError: for a kind that this release does not know, or files that don't fit it.
    """
    kind = artifact.manifest.kind
    if kind != "lexical":
        raise ArtifactError(f"artifact of kind {kind!r}: this release knows only 'lexical'")
    try:
        raw = artifact.contents["weights.json"]
        weights = msgspec.json.decode(raw, type=LexicalWeights)
    except KeyError as error:
        raise ArtifactError("a lexical artifact needs the file weights.json") from error
    except msgspec.MsgspecError as error:
        raise ArtifactError(f"weights.json: {error}") from error
    return LexicalClassifier(artifact.manifest.name, weights)

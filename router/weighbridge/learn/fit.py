"""Labels of one pair of pools in, an artifact fitted to that pair out.

A part of the labels is left for the report. Cross-validation chooses each stage (see `choice`), all
kept labels fit it, and the artifact is written whole or not at all. Word pieces and encoder are
those of the artifact that it is based on.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from weighbridge.artifact import Artifact, load_artifact
from weighbridge.errors import LearnError
from weighbridge.kernel import Doubles
from weighbridge.learn.choice import Labelled, Say, Stage, choose
from weighbridge.learn.curve import LearningCurve, learning_curve
from weighbridge.learn.folder import Origin, drafted, write_artifact
from weighbridge.learn.quality import NoGapError, Outcomes, apgr, length_scores
from weighbridge.learn.records import LabelLine
from weighbridge.learn.report.labelled import asked
from weighbridge.learn.rows import Watch, ask_of_chat, make_material
from weighbridge.stages import ENCODER, STAGE_1, Encoder, make_featurizer, read_tensors
from weighbridge.vocabulary import Vocabulary

LEAST_LABELS: Final = 100
"""Below it cross-validation can't tell one fit from another."""
_TELL_EVERY: Final = 500


class FitOptions(msgspec.Struct, frozen=True):
    """What `learn fit` was asked to do.

    Attributes:
        out: folder of the new artifact; must not exist, since a router may be serving from it.
        base: folder of the artifact whose pieces and encoder are taken; None: the packaged one.
        name: of the new artifact.
        held_out: share of the labels that are left for `learn report`.
        second_stage: fit the second stage as well, if the base has an encoder.
        seed: of everything drawn.
    """

    out: Path
    base: Path | None = None
    name: str = "fitted"
    held_out: float = 0.2
    second_stage: bool = True
    seed: int = 1


class Fitted(msgspec.Struct, frozen=True, eq=False):
    """What came of a fit.

    Attributes:
        folder: of the artifact.
        labels: that it was fitted to.
        held_out: left for the report.
        stages: one or two.
        length: APGR of the length of the prompt, on the same labels.
        curve: of stage 1.
    """

    folder: Path
    labels: int
    held_out: int
    stages: list[Stage]
    length: float
    curve: LearningCurve


def fit(labels: Sequence[LabelLine], options: FitOptions, say: Say = lambda _: None) -> Fitted:
    """Choose, fit and write an artifact.

    Args:
        labels: of one pair.
        options: see there.
        say: told what is being done.

    Raises:
        LearnError: if there are too few labels, of several pairs, or nothing to gain from routing;
            or if the folder is there already or can't be written.
        ArtifactError: if the base can't be used.
    """
    pair = one_pair(labels)
    kept = split(labels, options)
    outcomes = _outcomes(kept)
    with drafted(options.out) as folder:  # first of all: a fit takes minutes
        base = load_artifact(options.base)
        featurizer = make_featurizer(base, read_tensors(base, STAGE_1))
        encoder = _encoder(base, featurizer.vocabulary) if options.second_stage else None
        asks = (ask_of_chat(label.chat()) for label in kept)
        material = make_material(asks, featurizer, encoder, _watch(len(kept), say))
        labelled = Labelled(material, _targets(kept), outcomes)
        stages = [
            choose(labelled, featurizer, options.seed, say, states=states)
            for states in ((False, True) if encoder else (False,))
        ]
        say("learning curve")
        curve = learning_curve(
            stages[0].space,
            material.rows,
            labelled.targets,
            stages[0].recipe.ridge,
            outcomes,
            options.seed,
        )
        origin = Origin(base, labels, [label.id for label in kept], pair, options.name)
        write_artifact(folder, origin, labelled, stages, curve)
    length = apgr(length_scores([asked(label) for label in kept]), outcomes)
    return Fitted(options.out, len(kept), len(labels) - len(kept), stages, length, curve)


def one_pair(labels: Sequence[LabelLine]) -> tuple[str, str]:
    """The pair that all labels are of.

    Raises:
        LearnError: if there is none, or more than one.
    """
    if not labels:
        raise LearnError("expected labels, came none: `weighbridge learn label` makes them")
    pairs = sorted({(label.small, label.large) for label in labels})
    if len(pairs) > 1:
        shown = "; ".join(f"{small or '?'} and {large or '?'}" for small, large in pairs)
        raise LearnError(
            f"expected labels of one pair of models, came {len(pairs)}: {shown}; "
            "fit each pair by its own labels"
        )
    return pairs[0]


def split(labels: Sequence[LabelLine], options: FitOptions) -> list[LabelLine]:
    """The labels to fit to; the rest is left for the report.

    Raises:
        LearnError: if too few are left.
    """
    order = np.random.default_rng(options.seed).permutation(len(labels))
    kept = sorted(order[round(len(labels) * options.held_out) :].tolist())
    if len(kept) < LEAST_LABELS:
        raise LearnError(
            f"expected at least {LEAST_LABELS} labels to fit to, came {len(kept)} of "
            f"{len(labels)}: label more prompts, or hold fewer out"
        )
    return [labels[number] for number in kept]


def _encoder(base: Artifact, vocabulary: Vocabulary) -> Encoder | None:
    """The encoder of the base, if it has one."""
    return Encoder(base.contents[ENCODER], vocabulary) if ENCODER in base.contents else None


def _outcomes(labels: Sequence[LabelLine]) -> Outcomes:
    try:
        return Outcomes.of(
            [label.score_small for label in labels], [label.score_large for label in labels]
        )
    except NoGapError as error:
        raise LearnError(f"{error}. Do not route these prompts by difficulty") from error


def _targets(labels: Sequence[LabelLine]) -> Doubles:
    """Gain and difficulty of each prompt."""
    return np.array(
        [(label.score_large - label.score_small, 1 - label.score_small) for label in labels]
    )


def _watch(count: int, say: Say) -> Watch:
    def told(done: int) -> None:
        if done % _TELL_EVERY == 0 or done == count:
            say(f"prompts read: {done} of {count}")

    return told

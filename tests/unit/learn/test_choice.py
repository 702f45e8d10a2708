"""The choice of a stage: by what it says of prompts it was not fitted to."""

import numpy as np
import pytest
from unit.artifacts import STATES, tiny
from weighbridge.learn import choice
from weighbridge.learn.choice import Labelled, choose
from weighbridge.learn.quality import Outcomes, apgr
from weighbridge.learn.rows import Material
from weighbridge.stages import STAGE_1, make_featurizer, read_tensors

COUNT = 160


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(choice, "LANDMARKS", 60)
    monkeypatch.setattr(choice, "RIDGES", (1.0, 10.0))


@pytest.fixture
def featurizer(tmp_path):
    artifact = tiny(tmp_path / "tiny")
    return make_featurizer(artifact, read_tensors(artifact, STAGE_1))


def labelled(featurizer, gain, *, states=False, block="bag", seed=1):
    """Random prompts with the gain in the first feature of a block."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (COUNT, featurizer.width)).astype(np.float32)
    read = rng.normal(0, 1, (COUNT, STATES if states else 0)).astype(np.float32)
    told = read[:, 0] if states else rows[:, featurizer.spans[block].start]
    gains = gain(told)
    targets = np.column_stack([gains, gains])
    return Labelled(
        Material(rows, read, np.ones(COUNT)),
        targets,
        Outcomes.of(np.ones(COUNT) - gains, np.ones(COUNT)),
    )


def above(told):
    return (told > 0.3).astype(float)


def quiet(_):
    pass


def test_what_the_features_tell_is_found_out_of_fold(featurizer):
    given = labelled(featurizer, above)

    stage = choose(given, featurizer, 1, quiet, states=False)

    assert stage.quality > 0.65
    assert stage.quality == pytest.approx(apgr(stage.raws, given.outcomes), abs=0.05)


def test_what_only_the_encoder_tells_is_found_by_the_second_stage_alone(featurizer):
    given = labelled(featurizer, above, states=True)

    first, second = (
        choose(given, featurizer, 1, quiet, states=states).quality for states in (False, True)
    )

    assert second > 0.7 > first + 0.05


def test_labels_that_nothing_tells_of_promise_nothing(featurizer):
    noise = np.random.default_rng(9).integers(0, 2, COUNT).astype(float)

    stage = choose(labelled(featurizer, lambda _: noise), featurizer, 1, quiet, states=False)

    assert stage.quality < 0.6


def test_a_block_without_weight_is_not_looked_at(featurizer):
    given = labelled(featurizer, above, block="tail")

    stage = choose(given, featurizer, 1, quiet, states=False)

    assert "tail" not in choice.STRETCH_1
    assert stage.quality < 0.6


def test_the_best_of_all_combinations_is_taken(featurizer, monkeypatch):
    given = labelled(featurizer, above)
    whole = choose(given, featurizer, 1, quiet, states=False)
    parts = []
    for gamma in choice.GAMMAS:
        monkeypatch.setattr(choice, "GAMMAS", (gamma,))
        parts.append(choose(given, featurizer, 1, quiet, states=False))

    best = max(parts, key=lambda stage: stage.quality)
    assert (whole.quality, whole.recipe) == (best.quality, best.recipe)
    assert len({stage.quality for stage in parts}) > 1


def test_the_second_head_is_added_where_it_helps(featurizer):
    """A gain of pure chance, and a difficulty that tells what the outcome was."""
    given = labelled(featurizer, above)
    noise = np.random.default_rng(3).normal(0, 0.01, COUNT)
    targets = np.column_stack([noise, given.targets[:, 1]])
    given = Labelled(given.material, targets, given.outcomes)

    stage = choose(given, featurizer, 1, quiet, states=False)

    assert stage.share == max(choice.SHARES)
    assert stage.quality > 0.65


def test_the_same_seed_chooses_the_same(featurizer):
    given = labelled(featurizer, above)

    one, same, other = (choose(given, featurizer, seed, quiet, states=False) for seed in (1, 1, 2))

    assert one.raws.tolist() == same.raws.tolist() != other.raws.tolist()


def test_it_tells_how_far_it_is(featurizer):
    said = []

    choose(labelled(featurizer, above), featurizer, 1, said.append, states=False)

    assert [line.split(":")[0] for line in said] == [
        f"stage 1, width {gamma}" for gamma in choice.GAMMAS
    ]

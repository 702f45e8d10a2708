"""Kernel regression on landmarks: what it recovers, and that it never sees what it predicts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from weighbridge.kernel import KernelMachine
from weighbridge.learn.fitting import (
    Recipe,
    centred,
    combine_heads,
    fit_machine,
    group_folds,
    make_space,
    out_of_fold,
    random_folds,
)

WIDTH = 6


def rows(count, seed=1):
    return np.random.default_rng(seed).normal(0, 1, (count, WIDTH)).astype(np.float32)


def recipe(**fields):
    return Recipe(**({"stretch": {}, "gamma": 0.5, "ridge": 0.1, "landmarks": 200} | fields))


def space_of(table, **fields):
    stretch = np.full(WIDTH, 1 / np.sqrt(WIDTH), np.float32)
    return make_space(table, stretch, recipe(**fields))


def wave(table):
    """A target that no straight line fits."""
    return np.sin(2 * table[:, 0]) + table[:, 1] ** 2


def test_a_curved_target_is_recovered_on_rows_never_seen():
    table, fresh = rows(1500), rows(300, seed=2)
    machine = fit_machine(space_of(table), table, wave(table)[:, None], 0.1)

    found = machine.heads_of_all(fresh)[:, 0]

    assert np.corrcoef(found, wave(fresh))[0, 1] > 0.9


def test_what_out_of_fold_says_does_not_rest_on_the_fold_itself():
    table = rows(200)
    target = np.random.default_rng(3).normal(0, 1, (200, 1))
    folds = random_folds(200, 5, seed=1)
    space = space_of(table)
    before = out_of_fold(space, table, target, (0.3,), folds)[0]
    changed = target.copy()
    changed[folds == 2] += 100.0

    after = out_of_fold(space, table, changed, (0.3,), folds)[0]

    assert np.array_equal(before[folds == 2], after[folds == 2])
    assert not np.allclose(before[folds != 2], after[folds != 2])


def test_noise_is_not_predicted_out_of_fold():
    table = rows(400)
    noise = np.random.default_rng(4).normal(0, 1, (400, 1))
    space, folds = space_of(table), random_folds(400, 5, seed=1)

    found = out_of_fold(space, table, noise, (1.0,), folds)[0]

    assert abs(np.corrcoef(found[:, 0], noise[:, 0])[0, 1]) < 0.2


def test_a_head_learns_only_from_the_prompts_that_speak_of_it():
    table = rows(300)
    targets = np.column_stack([wave(table), wave(table)])
    targets[150:, 1] = np.nan
    space = space_of(table)

    both = fit_machine(space, table, targets, 0.1).heads_of_all(table)[:, 1]
    half = fit_machine(space, table[:150], targets[:150, 1:], 0.1).heads_of_all(table)[:, 0]

    assert np.allclose(both, half)


def test_heads_are_combined_by_their_shares():
    table = rows(300)
    targets = np.column_stack([wave(table), table[:, 2]])
    machine = fit_machine(space_of(table), table, targets, 0.1)

    combined = KernelMachine(combine_heads(machine, np.array([1.0, 0.5])))

    wanted = machine.heads_of_all(table) @ np.array([1.0, 0.5])
    assert np.allclose(combined.heads_of_all(table)[:, 0], wanted)


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not():
    table = rows(500)

    first, again, other = (
        space_of(table, landmarks=50, seed=seed).landmarks.tobytes() for seed in (1, 1, 2)
    )

    assert first == again != other


def test_a_weighty_prompt_is_fitted_closer_than_a_light_one():
    table = rows(100)
    target = np.random.default_rng(5).normal(0, 1, (100, 1))
    weights = np.where(np.arange(100) < 50, 10.0, 0.1)

    machine = fit_machine(space_of(table), table, target, 1.0, weights)

    missed = np.abs(machine.heads_of_all(table) - target)[:, 0]
    assert missed[:50].mean() < missed[50:].mean()


@given(st.integers(1, 200), st.integers(2, 9), st.integers(0, 5))
@settings(deadline=None)
def test_random_folds_are_even(count, folds, seed):
    sizes = np.bincount(random_folds(count, folds, seed), minlength=folds)

    assert sizes.max() - sizes.min() <= 1


def test_group_folds_never_part_a_group():
    folds = group_folds(["b", "a", "b", "c"])

    assert folds.tolist() == [1, 0, 1, 2]


def test_centred_values_have_no_mean_within_a_group():
    found = centred(np.array([1.0, 3.0, 10.0]), ["a", "a", "b"])

    assert found.tolist() == pytest.approx([-1.0, 1.0, 0.0])

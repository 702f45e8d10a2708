"""What the base does without torch: fewer dimensions, and eight bits for each number."""

import numpy as np
import pytest
from weighbridge_training import base
from weighbridge_training.base import components, quantized


@pytest.fixture
def vectors():
    """Words whose vectors differ in two directions alone, far from the origin."""
    rng = np.random.default_rng(1)
    spread = rng.normal(0, 1, (200, 2)) * (10.0, 1.0)
    return (spread @ rng.normal(0, 1, (2, 12)) + 50).astype(np.float32)


def distances(values):
    return np.linalg.norm(values[:, None] - values[None], axis=2)


def test_as_many_components_as_there_are_directions_keep_all_distances(vectors, monkeypatch):
    monkeypatch.setattr(base, "DIMENSIONS", 2)

    kept = components(vectors)

    assert kept.shape == (200, 2)
    assert np.allclose(distances(kept), distances(vectors), atol=1e-2)


def test_the_first_component_is_the_widest_and_none_has_a_mean(vectors):
    kept = components(vectors)

    spread = kept.std(axis=0)
    assert (np.diff(spread) <= 1e-3).all()
    assert np.abs(kept.mean(axis=0)).max() < 1e-3


def test_a_mirrored_axis_is_the_same_component(vectors, monkeypatch):
    """Which way an axis points is the library's whim; the bytes must not hang on it."""
    straight = components(vectors)
    eigh = np.linalg.eigh

    def mirrored(matrix):
        values, axes = eigh(matrix)
        return values, -axes

    monkeypatch.setattr(np.linalg, "eigh", mirrored)

    assert np.array_equal(components(vectors), straight)


def test_eight_bits_are_off_by_half_a_step_at_most():
    values = np.random.default_rng(2).normal(0, 1, (500, 4)) * (1.0, 5.0, 0.01, 300.0)

    table, step = quantized(values)

    assert (table.dtype, step.dtype) == (np.int8, np.float32)
    assert np.abs(table).max(axis=0).tolist() == [127] * 4
    assert (np.abs(table * step - values) <= 0.5001 * step).all()

"""The kernel machine: what it computes, by the book; and which tensors it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.artifacts import machine
from weighbridge.errors import ArtifactError
from weighbridge.kernel import KernelMachine, likenesses

WIDTH = 5


def by_the_book(tensors, row):
    """The definition, in float64."""
    t = {name: value.astype(np.float64) for name, value in tensors.items()}
    ready = np.clip((row - t["shift"]) / t["scale"], -6, 6) * t["stretch"]
    distances = ((ready - t["landmarks"]) ** 2).sum(axis=1)
    return np.exp(-t["gamma"] * distances) @ t["weights"] + t["bias"]


@pytest.fixture
def tensors():
    return machine(WIDTH, landmarks=4, heads=2)


@given(st.lists(st.floats(-50, 50, width=32), min_size=WIDTH, max_size=WIDTH))
@settings(deadline=None, derandomize=True, max_examples=100, database=None)
def test_heads_are_what_the_definition_says(values):
    tensors = machine(WIDTH, landmarks=4, heads=2)
    row = np.array(values, np.float32)

    assert KernelMachine(tensors).heads_of(row) == pytest.approx(
        by_the_book(tensors, row), abs=1e-5
    )


def test_one_row_and_many_rows_are_judged_alike(tensors):
    rows = np.random.default_rng(4).normal(size=(20, WIDTH)).astype(np.float32)
    made = KernelMachine(tensors)

    assert made.heads_of_all(rows) == pytest.approx(np.array([*map(made.heads_of, rows)]), abs=1e-5)


def test_what_is_far_from_every_landmark_gets_the_bias(tensors):
    row = np.full(WIDTH, 1e9, np.float32)
    tensors |= {"bias": np.array([0.25, -3.0]), "gamma": np.full(1, 50.0, np.float32)}

    assert KernelMachine(tensors).heads_of(row) == pytest.approx([0.25, -3.0])


def test_a_row_at_a_landmark_is_wholly_like_it():
    point = np.array([[0.5, -1.0]], np.float32)

    assert likenesses(point, point, 3.0) == pytest.approx(np.ones((1, 1)))


@pytest.mark.parametrize("extreme", [1e9, -1e9, 1e38, -1e38])
def test_no_row_is_so_extreme_that_a_head_is_not_finite(tensors, extreme):
    large = {name: np.full_like(value, 1e4) for name, value in tensors.items()}

    for each in (tensors, large):
        heads = KernelMachine(each).heads_of(np.full(WIDTH, extreme, np.float32))
        assert np.isfinite(heads).all()


def test_the_average_row_is_where_the_scaling_is_centred(tensors):
    made = KernelMachine(tensors)

    assert not made.stretched(made.average).any()
    assert (made.width, made.heads) == (WIDTH, 2)


NAMES = sorted(machine(WIDTH))


@pytest.mark.parametrize("name", NAMES)
def test_a_tensor_that_is_missing_is_named(tensors, name):
    del tensors[name]

    with pytest.raises(ArtifactError, match=f"tensors are missing: {name}"):
        KernelMachine(tensors)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_refused_with_the_name_of_its_tensor(tensors, name, fault):
    tensors[name].flat[-1] = fault

    with pytest.raises(ArtifactError, match=f"tensor {name}: expected"):
        KernelMachine(tensors)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_])
def test_numbers_of_another_kind_are_refused(tensors, name, kind):
    tensors[name] = np.ones_like(tensors[name], kind)

    with pytest.raises(ArtifactError, match=f"tensor {name}: expected floating-point numbers"):
        KernelMachine(tensors)


@pytest.mark.parametrize("name", ["scale", "gamma"])
@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30])
def test_a_scale_or_width_that_can_not_divide_is_refused(tensors, name, value):
    tensors[name][0] = value

    with pytest.raises(ArtifactError, match=f"tensor {name}: expected numbers of 1e-09 or more"):
        KernelMachine(tensors)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("shift", (WIDTH + 1,)),
        ("shift", (1, WIDTH)),
        ("scale", (1,)),
        ("stretch", ()),
        ("landmarks", (4, WIDTH - 1)),
        ("landmarks", (3, WIDTH)),
        ("landmarks", (4 * WIDTH,)),
        ("gamma", (2,)),
        ("gamma", ()),
        ("weights", (4,)),
        ("weights", (4, 3)),
        ("weights", (0, 2)),
        ("bias", (3,)),
        ("bias", ()),
        ("bias", (0,)),
    ],
)
def test_tensors_that_do_not_fit_each_other_are_refused_with_their_shapes(tensors, name, shape):
    tensors[name] = np.ones(shape)

    with pytest.raises(ArtifactError, match="don't fit each other: shift ") as raised:
        KernelMachine(tensors)

    assert f"{name} {list(shape)}" in str(raised.value)

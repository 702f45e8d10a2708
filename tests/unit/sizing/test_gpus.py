"""GPU types: what ships is whole, and a fault of an operator's own names its file and field."""

import tomllib
from pathlib import Path

import pytest
from weighbridge.catalog import Precision
from weighbridge.errors import SettingsError
from weighbridge.sizing.gpus import PACKAGED, load_gpus

REPOSITORY = Path(__file__).parents[3]
GPU = """
name: mine
memory_gib: 15.5
compute_capability: 7.5
batched_tokens: 2048
dollars_per_hour: 0.335
"""


def test_the_types_that_pools_are_planned_for_are_there():
    gpus = load_gpus()

    assert {name: round(gpu.memory_gib) for name, gpu in gpus.items()} == {
        "nvidia-l4": 22,
        "nvidia-a10g": 22,
        "nvidia-l40s": 44,
        "nvidia-a100-40gb": 39,
        "nvidia-a100-80gb": 79,
        "nvidia-h100-80gb": 79,
        "nvidia-h200": 140,
    }


def test_files_are_named_after_their_types_and_call_their_prices_assumptions():
    paths = list(PACKAGED.glob("*.yaml"))

    assert {path.stem for path in paths} == set(load_gpus())
    for path in paths:
        assert "list-price assumption" in path.read_text(encoding="utf-8")


def test_nodes_are_known_by_a_label_that_no_cloud_owns():
    for gpu in load_gpus().values():
        assert list(gpu.node_labels) == ["nvidia.com/gpu.product"]


@pytest.mark.parametrize(
    ("name", "computes"),
    [
        ("nvidia-a10g", False),
        ("nvidia-a100-80gb", False),
        ("nvidia-l4", True),
        ("nvidia-l40s", True),
        ("nvidia-h100-80gb", True),
        ("nvidia-h200", True),
    ],
)
def test_8_bit_floats_are_computed_from_ada_on(name, computes):
    gpu = load_gpus()[name]

    assert gpu.computes_in(Precision.FP8) is computes
    assert gpu.computes_in(Precision.INT8)


def test_figures_are_whole_numbers(tmp_path):
    (tmp_path / "mine.yaml").write_text(GPU)
    gpu = load_gpus(tmp_path)["mine"]

    assert (gpu.memory, gpu.capability, gpu.cents) == (31 * 2**29, 75, 34)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GPU + "colour: green", r"unknown field `colour`"),
        (GPU.replace("15.5", "-1"), r"`\$\.memory_gib`"),
        (GPU.replace("7.5", "'new'"), r"`\$\.compute_capability`"),
        (GPU.replace("name: mine\n", ""), r"missing required field `name`"),
        (GPU + "node_labels: {a: []}", r"`\$\.node_labels\[\.\.\.\]`"),
    ],
)
def test_a_file_that_is_no_type_is_refused_by_name_and_field(tmp_path, text, words):
    (tmp_path / "bad.yaml").write_text(text)

    with pytest.raises(SettingsError, match=rf"bad\.yaml: not a GPU type: .*{words}"):
        load_gpus(tmp_path)


def test_a_folder_without_types_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="expected a folder of YAML files, one per GPU type"):
        load_gpus(tmp_path)


def test_the_wheel_takes_them_to_where_they_are_looked_for():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))

    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["models/gpus"] == "weighbridge/gpu_types"

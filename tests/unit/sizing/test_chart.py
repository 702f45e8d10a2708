"""The chart's catalog: what is committed is what the catalog makes, in whole numbers."""

from pathlib import Path

import msgspec
import yaml
from weighbridge.catalog import load_catalog
from weighbridge.sizing.chart import chart_catalog
from weighbridge.sizing.gpus import load_gpus

REPOSITORY = Path(__file__).parents[3]
COMMITTED = REPOSITORY / "models" / "chart" / "files" / "catalog.yaml"


def numbers(node):
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        return [number for one in node for number in numbers(one)]
    return [node] if isinstance(node, int | float) else []


def test_the_committed_file_is_made_of_the_catalog():
    assert COMMITTED.read_text(encoding="utf-8") == chart_catalog(load_catalog(), load_gpus()), (
        "run: make generated"
    )


def test_every_number_is_whole_and_small_enough_for_helm_to_read_it_exactly():
    found = numbers(yaml.safe_load(COMMITTED.read_text(encoding="utf-8")))

    assert len(found) > 100
    assert all(isinstance(number, int) and number < 2**53 for number in found)


def test_models_that_do_not_say_how_they_are_built_are_left_out():
    models = load_catalog()
    models["mine"] = msgspec.structs.replace(
        models["gemma-2-9b-it"], name="mine", architecture=None
    )

    assert "mine" not in yaml.safe_load(chart_catalog(models, load_gpus()))["models"]

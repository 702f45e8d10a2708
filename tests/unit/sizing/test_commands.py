"""The command as typed: the table, the arithmetic, JSON, and faults that name what is wrong."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner
from weighbridge import catalog, cli
from weighbridge.errors import SettingsError
from weighbridge.sizing import gpus

PRIVATE = """
name: mine
parameters_billion: 7
tier: small
context_window: 4096
prices: {input_per_million: 0.1, output_per_million: 0.3}
"""


def run(*arguments, columns=200):
    return CliRunner().invoke(
        cli.app, ["catalog", *map(str, arguments)], env={"COLUMNS": str(columns)}
    )


def rows(output):
    lines = output.split("\n\n")[0].splitlines()
    return lines[0].split(), [line.split() for line in lines[1:]]


@pytest.fixture
def own(tmp_path):
    """A catalog of one's own: one model says how it is built, the other does not."""
    (tmp_path / "mine.yaml").write_text(PRIVATE)
    shutil.copy(catalog.PACKAGED / "gemma-2-9b-it.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("columns", [40, 200])
def test_the_table_has_models_by_gpu_types_and_cuts_nothing_off(columns):
    heading, body = rows(run(columns=columns).output)

    assert heading[3:] == ["a10g", "l4", "a100-40gb", "l40s", "a100-80gb", "h100-80gb", "h200"]
    (first,) = [row for row in body if row[:2] == ["gemma-2-9b-it", "bf16"]]
    assert first[2:5] == ["17.2", "2x", "56k"]
    assert "…" not in run(columns=columns).output


def test_more_sequences_take_more_gpus():
    few, many = (
        json.loads(run("--json", "--gpu", "nvidia-l4", "--sequences", n).output) for n in (1, 16)
    )

    counts = [
        {e["precision"]: e.get("count", 99) for e in entries if e["model"] == "gemma-2-9b-it"}
        for entries in (few, many)
    ]
    assert counts[0]["fp8"] == 1 < counts[1]["fp8"]


def test_one_model_shows_the_arithmetic():
    output = run("--model", "gemma-2-9b-it", "--precision", "bf16", "--gpu", "nvidia-l4").output

    assert "gemma-2-9b-it in bf16 on 2 x nvidia-l4, each:" in output
    assert "weights: 1/2 of 9,241,705,984" in output
    assert "fits: " in output
    assert "Cheapest that fit: bf16 on 2 x nvidia-l4 ($1.40/h)" in output


def test_the_admin_guide_shows_what_the_command_prints():
    guide = (Path(__file__).parents[3] / "docs" / "admin-guide.md").read_text(encoding="utf-8")
    table = run().output.splitlines()
    arithmetic = run("--model", "gemma-2-9b-it", "--precision", "fp8", "--gpu", "nvidia-l4").output
    (first,) = [n for n, line in enumerate(table) if line.startswith("gemma-2-9b-it")]

    assert arithmetic.strip() in guide
    for line in (table[0], *table[first : first + 2]):
        assert line.rstrip() in guide


def test_what_no_number_of_gpus_holds_is_shown_with_the_most():
    output = run(
        "--model", "llama-3.3-70b-instruct", "--precision", "bf16", "--gpu", "nvidia-a10g",
        "--context", 65536,
    ).output  # fmt: skip

    assert "llama-3.3-70b-instruct in bf16 on 8 x nvidia-a10g needs" in output


def test_json_says_all_that_the_table_does():
    entries = json.loads(run("--json").output)

    (entry,) = [
        e
        for e in entries
        if (e["model"], e["precision"], e["gpu"]) == ("gemma-2-9b-it", "fp8", "nvidia-l4")
    ]
    assert (entry["fits"], entry["count"], entry["kv_tokens"]) == (True, 1, 29_086)
    assert entry["dollars_per_hour"] == 0.7
    assert sum(entry["need_bytes"].values()) <= entry["usable_bytes"]
    assert {e["fits"] for e in entries} == {True, False}


def test_an_8_bit_cache_holds_twice_the_tokens():
    sixteen, eight = (
        json.loads(run("--json", "--kv-cache-dtype", kind).output)[0] for kind in ("auto", "fp8")
    )

    assert eight["kv_tokens"] == pytest.approx(2 * sixteen["kv_tokens"], abs=1)


def test_models_that_do_not_say_how_they_are_built_are_left_out_of_the_table(own):
    _, body = rows(run("--catalog", own).output)

    assert {row[0] for row in body if len(row[0]) > 5} == {"gemma-2-9b-it"}


def test_gpu_types_of_ones_own_take_the_place_of_the_packaged(tmp_path):
    text = (gpus.PACKAGED / "nvidia-l4.yaml").read_text().replace("nvidia-l4", "cupboard")
    (tmp_path / "cupboard.yaml").write_text(text)

    heading, _ = rows(run("--gpus", tmp_path).output)
    assert heading[3:] == ["cupboard"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "gpt-9"], "model 'gpt-9' is not in the catalog, which knows: deepseek"),
        (["--gpu", "abacus"], "GPU type 'abacus' is not in the folder, which knows: nvidia-a100"),
        (
            ["--model", "gemma-2-9b-it", "--precision", "fp16"],
            "precision fp16: none of these is served in it: gemma-2-9b-it",
        ),
        (["--gpus", "nowhere"], "nowhere: expected a folder of YAML files, one per GPU type"),
        (["--catalog", "nowhere"], "nowhere: expected a folder of YAML files, one per model"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(arguments, words):
    error = run(*arguments).exception

    assert isinstance(error, SettingsError)
    assert words in str(error)


def test_a_model_that_does_not_say_how_it_is_built_is_refused_by_name(own):
    error = run("--catalog", own, "--model", "mine").exception

    assert "model 'mine': its file has no architecture" in str(error)

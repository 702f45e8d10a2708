"""The command: files in, two files and a table out, and an exit status that tells."""

import json
import sys

import pytest
from typer.testing import CliRunner
from unit.training.fakes import write_cases, write_data
from weighbridge.artifact import PACKAGED
from weighbridge_training import evaluate, peers
from weighbridge_training.evaluate import app


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path / "data")
    write_cases(tmp_path / "cases")
    return tmp_path


def run(folder, *more):
    arguments = ["--data", folder / "data", "--cases", folder / "cases", "--out", folder / "out"]
    return CliRunner().invoke(app, [*map(str, arguments), *map(str, more)])


def test_it_writes_both_files_and_prints_the_tables(folder):
    ran = run(folder)

    assert ran.exit_code == 0, ran.output
    numbers = json.loads((folder / "out" / "evaluation.json").read_text())
    assert [one["analysis"]["name"] for one in numbers["sets"]] == [
        "MT-Bench",
        "llmrouter_test",
        "MMLU",
        "GSM8K",
    ]
    page = (folder / "out" / "evaluation.html").read_text(encoding="utf-8")
    for part in ("MT-Bench", "Own cases", "hard words before", "task 1", "<svg"):
        assert part in page
    for part in ("Weighbridge", "length", "random", "hard→small"):
        assert part in ran.stdout
    assert numbers["peer"] == ""


def test_rows_that_the_artifact_was_fitted_to_are_left_out(folder):
    import shutil

    shutil.copytree(PACKAGED, folder / "artifact")
    (folder / "artifact" / "rows.json").write_text('["t/0", "t/1", "t/2"]')

    ran = run(folder, "--artifact", folder / "artifact")

    numbers = json.loads((folder / "out" / "evaluation.json").read_text())
    assert [one["analysis"]["rows"] for one in numbers["sets"]] == [9, 12, 9, 9]
    assert "MMLU: 3 rows left out, to which the artifact was fitted" in ran.stdout


def test_without_litellm_the_rest_is_reported_and_the_status_tells(folder, monkeypatch):
    def fail(_cache):
        raise peers.PeerError("LiteLLM could not be installed: no index")

    monkeypatch.setattr(peers, "ensure_environment", fail)

    ran = run(folder, "--peers")

    assert ran.exit_code == 3
    page = (folder / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert "No figures of LiteLLM" in page
    assert "no index" in page


def test_a_litellm_that_dies_is_left_out_in_the_same_way(folder, monkeypatch, tmp_path):
    (tmp_path / "worker.py").write_text("raise SystemExit('broken')")
    monkeypatch.setattr(peers, "ensure_environment", lambda _cache: sys.executable)
    monkeypatch.setattr(
        peers.score_with_litellm, "__defaults__", (lambda: None, tmp_path / "worker.py")
    )

    ran = run(folder, "--peers")

    assert ran.exit_code == 3
    numbers = json.loads((folder / "out" / "evaluation.json").read_text())
    assert "came 0: broken" in numbers["peer_fault"]
    assert len(numbers["sets"][0]["analysis"]["scores"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere"], "there is no such file"),
        (["--artifact", "nowhere"], "can't be read"),
        (["--cases", "nowhere"], "expected *.jsonl"),
    ],
)
def test_what_can_not_be_read_is_a_message_and_status_1(
    folder, monkeypatch, capsys, arguments, said
):
    given = {"--data": folder / "data", "--cases": folder / "cases", "--out": folder / "out"}
    given |= dict([arguments])
    flat = [str(part) for pair in given.items() for part in pair]
    monkeypatch.setattr(sys, "argv", ["evaluate", *flat])

    with pytest.raises(SystemExit) as ended:
        evaluate.command()

    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.splitlines()[-1].startswith("evaluate: ")
    assert said in error


def test_a_person_sees_bars_and_a_log_sees_lines():
    import io

    from rich.console import Console

    for terminal, expected in ((True, "1/2"), (False, "a step: 2\n")):
        out = io.StringIO()
        with evaluate.shown(Console(file=out, force_terminal=terminal, width=80)) as progress:
            progress("a step", 2)()
        assert expected in out.getvalue()

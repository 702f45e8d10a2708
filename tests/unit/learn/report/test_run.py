"""`weighbridge learn report` from files to files."""

import json
import shutil

import pytest
from typer.testing import CliRunner
from unit.bodies import EASY, HARD
from weighbridge.artifact import PACKAGED
from weighbridge.cli import app
from weighbridge.errors import LearnError
from weighbridge.learn.records import LabelLine, write_lines
from weighbridge.learn.report.run import ReportOptions, report_on, write_page


@pytest.fixture
def labels(tmp_path):
    """Hard prompts that need the large model, easy ones that don't; length says nothing."""
    lines = []
    for number in range(60):
        hard = number % 2
        # The easy ones are as long as the hard ones.
        text = f"{HARD} {number:02}" if hard else f"{EASY} {number:02}".ljust(len(HARD) + 3, ".")
        lines.append(LabelLine(f"r{number}", 0.0 if hard else 1.0, 1.0, text, task=f"t{hard}"))
    write_lines(tmp_path / "labels.jsonl", lines)
    return tmp_path / "labels.jsonl"


@pytest.fixture
def fitted(tmp_path):
    folder = tmp_path / "fitted"
    shutil.copytree(PACKAGED, folder)
    (folder / "rows.json").write_text(json.dumps(["r0", "r1"]))
    return folder


def test_rows_of_the_fit_are_left_out_and_the_rest_is_judged(labels, fitted):
    report = report_on(ReportOptions(labels, fitted))

    assert report.analysis.rows == 58
    assert report.remarks == ["2 of 60 rows left out: the artifact to judge was fitted to them"]
    assert [s.name for s in report.analysis.scores] == ["fitted", "artifact in use", "length"]
    assert report.verdict.line == "ship"


def test_rows_that_the_artifact_in_use_was_fitted_to_are_left_out_too(labels, fitted):
    report = report_on(ReportOptions(labels, PACKAGED, against=fitted))

    assert report.remarks == ["2 of 60 rows left out: the artifact in use was fitted to them"]


def test_scores_that_can_not_be_ranked_are_the_labels_fault(tmp_path):
    write_lines(tmp_path / "one.jsonl", [LabelLine("a", 0, 1, "x")])

    with pytest.raises(LearnError, match="came 1 of 1"):
        report_on(ReportOptions(tmp_path / "one.jsonl", PACKAGED))


def test_a_page_that_can_not_be_written_is_told(labels, fitted, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(LearnError, match="can't be written"):
        write_page(report_on(ReportOptions(labels, fitted)), tmp_path / "file" / "report.html")


def run(*arguments):
    return CliRunner().invoke(app, ["learn", "report", *map(str, arguments)])


def test_the_command_writes_a_page_and_prints_the_verdict(labels, fitted, tmp_path):
    page, numbers = tmp_path / "new" / "r.html", tmp_path / "r.json"

    ran = run(labels, "--artifact", fitted, "--out", page, "--json", numbers, "--gate")

    assert ran.exit_code == 0, ran.output
    assert ran.output.startswith("ship\n")
    assert "ship" in page.read_text(encoding="utf-8")
    assert json.loads(numbers.read_text())["verdict"]["ship"] is True


def test_no_prompt_stands_in_the_report(labels, fitted, tmp_path):
    page, numbers = tmp_path / "r.html", tmp_path / "r.json"

    run(labels, "--artifact", fitted, "--out", page, "--json", numbers)

    for path in (page, numbers):
        assert HARD[:20] not in path.read_text(encoding="utf-8")


def test_a_gate_closes_on_what_should_not_ship(tmp_path, fitted):
    flat = [LabelLine(f"x{n}", 1.0, 1.0, f"prompt {n}") for n in range(4)]
    write_lines(tmp_path / "flat.jsonl", flat)
    arguments = (tmp_path / "flat.jsonl", "--artifact", fitted, "--out", tmp_path / "r.html")

    assert run(*arguments).exit_code == 0
    closed = run(*arguments, "--gate")

    assert closed.exit_code == 1
    assert "do not ship: nothing could be measured" in closed.output


def test_json_on_standard_output_stands_alone(labels, fitted, tmp_path):
    ran = run(labels, "--artifact", fitted, "--out", tmp_path / "r.html", "--json", "-")

    assert json.loads(ran.stdout)["analysis"]["rows"] == 58


def test_one_cost_alone_is_refused(labels, fitted):
    ran = run(labels, "--artifact", fitted, "--cost-small", "1")

    assert ran.exit_code == 2
    assert "both --cost-small and --cost-large" in " ".join(ran.output.split())

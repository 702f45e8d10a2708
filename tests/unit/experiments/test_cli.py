"""The command as a person meets it."""

import pytest
from typer.testing import CliRunner
from weighbridge_experiments import autoscaling, batching, cli, threshold, validation
from weighbridge_experiments.errors import ExperimentError

EXPERIMENTS = {"autoscaling": autoscaling, "batching": batching, "validation": validation}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_each_experiment_gets_folder_and_seed_and_the_command_to_print(name, tmp_path, monkeypatch):
    seen = []

    def run(folder, seed, command, step):
        seen.append((folder, seed, command))
        step("something")(0.5)
        return [folder / "page.md"]

    monkeypatch.setattr(EXPERIMENTS[name], "run", run)
    result = CliRunner().invoke(cli.app, [name, "--out", str(tmp_path), "--seed", "7"])
    assert result.exit_code == 0, result.output
    assert f"written: {tmp_path / 'page.md'}" in result.output
    assert seen == [(tmp_path, 7, f"make experiment NAME={name} ARGS='--seed 7'")]


def test_help_names_every_experiment():
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    for name in (*EXPERIMENTS, "threshold"):
        assert name in result.output


def test_threshold_gets_its_data(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(threshold, "run", lambda *given: seen.append(given[:2]) or [])
    result = CliRunner().invoke(cli.app, ["threshold", "--out", "here", "--data", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert [tuple(map(str, each)) for each in seen] == [("here", str(tmp_path))]


def test_a_fault_that_can_be_mended_is_a_message(monkeypatch, capsys):
    def fail(*_):
        raise ExperimentError("expected this, came that: do so")

    monkeypatch.setattr(autoscaling, "run", fail)
    monkeypatch.setattr("sys.argv", ["experiments", "autoscaling"])
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    assert leaving.value.code == 1
    assert "experiment: expected this, came that: do so" in capsys.readouterr().err

"""The command: what it prints, and with which status it leaves."""

import json

import pytest
from typer.testing import CliRunner
from unit.bodies import EASY, HARD, chat, write_settings
from weighbridge import __version__, cli
from weighbridge.reference import settings_reference
from weighbridge.settings import Settings


def run(*arguments, stdin=None):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments], input=stdin)


def test_the_version_is_that_of_the_package():
    assert run("--version").stdout == f"{__version__}\n"


def test_without_a_command_the_help_is_shown():
    result = run()

    for command in ("serve", "score", "explain", "check", "schema"):
        assert command in result.output


def test_score_reads_lines_from_standard_input_and_writes_lines():
    result = run("score", stdin=chat(EASY) + b"\n" + chat(HARD) + b"\n")

    tiers = [json.loads(line)["tier"] for line in result.stdout.splitlines()]
    assert (result.exit_code, tiers) == (0, ["small", "large"])


def test_score_says_how_many_lines_it_could_not_read(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(chat(EASY) + b"\nbroken\n")

    result = run("score", path)

    assert "1 line(s) could not be read" in result.stderr
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(("argument", "stdin"), [(HARD, None), ("-", HARD.encode())])
def test_explain_shows_reading_guards_what_moves_the_score_and_decision(argument, stdin):
    result = run("explain", argument, stdin=stdin)

    assert result.exit_code == 0
    for words in ("→ large", "reason score", "What was read", "Guards", "bag", "shape"):
        assert words in result.stdout


def test_check_says_what_a_good_file_means(tmp_path):
    path = write_settings(tmp_path / "s.yaml", "policy: {threshold: 0.25}")

    result = run("check", path)

    assert (result.exit_code, "ok: tiers small, large; threshold 0.25" in result.stdout) == (
        0,
        True,
    )


def test_the_schema_is_printed_as_json_and_as_a_page():
    assert json.loads(run("schema").stdout) == json.loads(json.dumps(Settings.model_json_schema()))
    assert run("schema", "--markdown").stdout == settings_reference() + "\n"


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_fault_of_the_user_is_a_message_and_exit_status_1(tmp_path, monkeypatch, capsys, command):
    path = write_settings(tmp_path / "s.yaml", "policy: {threshold: 7}")
    option = [str(path)] if command == "check" else ["--config", str(path)]
    monkeypatch.setattr("sys.argv", ["weighbridge", command, *option])

    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 1
    assert capsys.readouterr().err.startswith(f"weighbridge: {path}: 1 fault(s)\n  policy.thresh")


def test_serve_runs_the_server_with_what_it_was_given(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("weighbridge.server.serve", lambda *paths: given.append(paths))

    run("serve", "--config", tmp_path / "s.yaml", "--artifact", tmp_path)

    assert given == [(tmp_path / "s.yaml", tmp_path)]

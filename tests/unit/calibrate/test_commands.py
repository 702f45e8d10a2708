"""The command as typed: what is printed, and what can be pasted."""

import pytest
import yaml
from typer.testing import CliRunner
from unit.bodies import chat, write_settings
from unit.calibrate.fakes import decision, decisions, write_artifact, write_log
from weighbridge import cli
from weighbridge.generation import Generation
from weighbridge.logs import DecisionLine
from weighbridge.scoring import weigh_body


@pytest.fixture
def served(tmp_path):
    return write_artifact(tmp_path / "model")


def run(*arguments, stdin=None):
    return CliRunner().invoke(
        cli.app, ["calibrate", *map(str, arguments)], input=stdin, env={"COLUMNS": "80"}
    )


def row(output, threshold):
    (line,) = [line for line in output.splitlines() if line.strip().startswith(threshold)]
    return line.split()


@pytest.fixture
def log(tmp_path):
    return write_log(tmp_path / "router.log", [*decisions(shift=0.8), {"event": "log"}])


def test_a_person_is_told_what_was_read_how_it_drifts_and_what_it_costs(log, served):
    output = run(log, "--artifact", served).output

    for words in (
        "2,000 weighed decisions; passed over: 1 weighed nothing",
        "recalibrate: thresholds no longer send the shares that they promise",
        "a day of 2,000 weighed requests with everything at llama-3.3-70b-instruct: $",
        "Prices are the catalog's, list-price assumptions",
    ):
        assert words in output


def test_the_table_shows_shares_and_costs_of_both_calibrations(log, served):
    output = run(log, "--artifact", served, "--requests-per-day", 1_000_000).output

    # 200 tokens in and 256 out: $401.28 at the large model, $91.20 at the small one.
    threshold, used, _, _, fresh, dollars, percent, *mark = row(output, "0.500")
    assert (threshold, fresh, mark) == ("0.500", "50.0%", ["in", "service"])
    assert float(used.rstrip("%")) > 70
    assert (dollars, percent) == ("246.24", "(61%)")
    assert all(row(output, f"0.{tenth}00") for tenth in range(1, 10))
    assert "$401.28 (100%); at gemma-2-9b-it: $91.20." in output


def test_the_change_can_be_pasted_into_the_settings(log, served, tmp_path):
    output = run(log, "--artifact", served, "--share", 0.3, "--out", tmp_path / "new").output

    change = yaml.safe_load(output[output.index("classifier:") :])
    assert change["classifier"] == {"artifact": str(tmp_path / "new")}
    assert change["policy"]["threshold"] == pytest.approx(0.7, abs=0.005)
    assert "Apply this: 30.0% to large" in output


def test_without_a_rate_costs_are_those_of_a_million(served, tmp_path):
    log = write_log(tmp_path / "short.log", decisions(600, seconds=60.0))

    assert "1M requests with everything at" in run(log, "--artifact", served).output


def test_standard_input_and_files_are_read_alike(log, served):
    piped = run("-", "--artifact", served, stdin=log.read_bytes())

    assert (piped.exit_code, piped.output) == (0, run(log, "--artifact", served).output)


def test_warnings_are_printed(served, tmp_path):
    log = write_log(tmp_path / "short.log", [decision(0.1), decision(0.2)])

    assert "warning: only 2 weighed decisions" in run(log, "--artifact", served).output


def test_share_and_budget_exclude_each_other(log):
    result = run(log, "--share", 0.5, "--budget", 3)

    assert (result.exit_code, "give one" in result.output) == (2, True)


def test_a_fault_of_the_log_is_a_message_and_exit_status_1(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["weighbridge", "calibrate", str(tmp_path / "absent.log")])

    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 1
    assert "absent.log: can't be read: No such file" in capsys.readouterr().err


def test_the_change_is_accepted_by_the_router_and_meets_the_share(tmp_path):
    """From a log that the classifier in the package made, to settings that `serve` takes."""
    texts = [f"{'prove that step by step ' * (n % 17)} and say why {n}?" for n in range(600)]
    generation = Generation.load(None)
    lines = []
    for text in texts:
        weighed = weigh_body(generation, chat(text))
        line = DecisionLine(
            ts=1.0,
            tier=weighed.decision.tier,
            reason=weighed.decision.reason.value,
            micros=1,
            body_bytes=len(text),
            score=round(weighed.decision.score, 3),
            raw=round(weighed.complexity.raw, 5),
            generation=1,
        )
        lines.append({name: getattr(line, name) for name in line.__struct_fields__})
    output = run(write_log(tmp_path / "router.log", lines), "--share", 0.3).output
    settings = write_settings(tmp_path / "s.yaml", output[output.index("policy:") :])

    applied = Generation.load(settings)

    tiers = [weigh_body(applied, chat(text)).decision.tier for text in texts]
    assert tiers.count("large") / len(tiers) == pytest.approx(0.3, abs=0.06)

"""The options of `bench --peers`, where its output goes, and its exit status."""

import json

import pytest
from typer.testing import CliRunner
from unit.bench.peers.peers_fakes import report
from weighbridge.bench import commands
from weighbridge.bench.peers import run
from weighbridge.bench.peers.report import PeersOptions
from weighbridge.errors import LocalError


@pytest.fixture
def bench(monkeypatch):
    """Runs the command with a fake side by side; gives what it was asked too."""
    asked = []

    def invoke(*arguments, gives=None):
        def fake(options, told):
            asked.append(options)
            told("a step")
            if isinstance(gives, Exception):
                raise gives
            return gives or report()

        monkeypatch.setattr(run, "run_peers", fake)
        result = CliRunner().invoke(commands.app, ["--peers", *arguments])
        return result, asked[-1] if asked else None

    return invoke


def test_defaults_are_those_of_the_report(bench):
    result, options = bench()

    assert result.exit_code == 0, result.output
    assert options == PeersOptions()
    assert "LiteLLM" in result.stdout


def test_rates_are_a_list_in_order(bench):
    _, options = bench("--rates", "300, 50", "--cases", "small", "--rounds", "4", "--seconds", "1")

    assert (options.rates, options.cases) == ((50, 300), ("small",))
    assert (options.rounds, options.seconds) == (4, 1)


@pytest.mark.parametrize("rates", ["fast", "0", "-1", "50,inf", "nan"])
def test_a_rate_that_is_none_is_refused(bench, rates):
    result, options = bench("--rates", rates)

    assert isinstance(result.exception, LocalError)
    assert "--rates: expected numbers above 0" in str(result.exception)
    assert options is None


def test_quick_is_quick(bench):
    _, options = bench("--quick")

    assert options.rounds * options.seconds * (len(options.cases) + len(options.rates)) <= 4


def test_reports_go_where_they_are_sent(bench, tmp_path):
    files = ("--markdown", str(tmp_path / "r.md"), "--plots", str(tmp_path / "p"))
    result, _ = bench("--json", "-", *files)

    assert json.loads(result.stdout)["litellm"] == "9.9.9"
    assert (tmp_path / "r.md").read_text().startswith("# Side by side")
    assert (tmp_path / "p" / "side-by-side.md").exists()


def test_a_run_with_faults_fails_and_writes_no_page(bench, tmp_path):
    faulty = report(faults=["2 responses with status 500"])
    result, _ = bench("--plots", str(tmp_path / "p"), gives=faulty)

    assert result.exit_code == 1
    assert "status 500" in result.stdout
    assert not (tmp_path / "p").exists()


def test_a_peer_that_is_not_there_fails_with_no_table(bench, tmp_path):
    fault = LocalError("LiteLLM could not be installed: no index. See that")
    result, _ = bench("--plots", str(tmp_path / "p"), gives=fault)

    assert result.exception is fault
    assert "Throughput" not in result.output
    assert not (tmp_path / "p").exists()


def test_plots_without_peers_are_refused():
    result = CliRunner().invoke(commands.app, ["--plots", "folder"])

    assert isinstance(result.exception, LocalError)
    assert "--peers" in str(result.exception)

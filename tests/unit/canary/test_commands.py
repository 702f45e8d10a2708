"""`weighbridge canary status`, as one types it."""

import json

import pytest
from typer.testing import CliRunner
from unit.canary import documents as d
from weighbridge import cli
from weighbridge.canary import commands

ANSWERS = {
    "rollouts.argoproj.io": [d.rollout()],
    "virtualservices.networking.istio.io.weighbridge-mesh": d.virtual_service(),
}


@pytest.fixture
def status(tmp_path, monkeypatch):
    """Run the command with a kubectl that answers from a table."""

    def run(*arguments, answers=ANSWERS):
        binary = d.write_kubectl(tmp_path / "bin", answers)
        monkeypatch.setenv("WEIGHBRIDGE_KUBECTL", str(binary))
        return CliRunner().invoke(cli.app, ["canary", "status", *arguments])

    return run


def test_a_pool_is_shown_with_its_step(status):
    result = status("gemma-small", "--namespace", "llm")

    assert result.exit_code == 0
    assert "5 of 8" in result.stdout
    assert "\x1b[" not in result.stdout


def test_json_holds_all_of_it_and_what_to_type(status):
    document = json.loads(status("--json").stdout)

    (pool,) = document["pools"]
    assert (pool["pool"], pool["position"]["weight"], pool["splits"][0]["canary"]) == (
        "gemma-small",
        5,
        5,
    )
    assert pool["next"][-1]["command"] == "kubectl argo rollouts abort gemma-small --namespace llm"
    assert document["not_read"] == []


def test_watching_looks_again_and_json_is_then_a_line_per_look(status, monkeypatch):
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(commands, "sleep", nap)

    result = status("--watch", "--json", "--interval", "7")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, naps, len(lines)) == (0, [7, 7, 7], 3)


def test_a_cluster_that_is_away_for_a_moment_does_not_end_the_watch(status, monkeypatch, tmp_path):
    naps = []

    def nap(seconds):
        naps.append(seconds)
        answer = tmp_path / "bin" / "rollouts.argoproj.io"
        if len(naps) == 1:
            answer.rename(answer.with_suffix(".away"))
        elif len(naps) == 2:
            answer.with_suffix(".away").rename(answer)
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(commands, "sleep", nap)

    result = status("--watch")

    assert (result.exit_code, result.stdout.count("5 of 8")) == (0, 2)
    assert "weighbridge: there is no rollouts.argoproj.io in llm" in result.stderr


def test_a_refusal_is_a_message_and_exit_status_1(monkeypatch, capsys, tmp_path):
    binary = d.write_kubectl(tmp_path, {"rollouts.argoproj.io": []})
    monkeypatch.setattr("sys.argv", ["weighbridge", "canary", "status", "--kubectl", str(binary)])

    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("weighbridge: no Rollout in namespace llm")

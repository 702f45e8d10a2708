"""The recording rules, by promtool: they are read, and do what their tests beside them say."""

import subprocess
from pathlib import Path

import pytest
from charts.rollouts.verdicts import promtool

RULES = Path(__file__).parents[3] / "observability" / "rules"
FILES = sorted(RULES.glob("*.rules.yaml"))


def run(*words):
    return subprocess.run(
        [promtool(), *words], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_rules_are_sound(path):
    done = run("check", "rules", path)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_rules_do_what_their_tests_say(path):
    done = run("test", "rules", path.with_name(path.name.replace(".rules.", ".rules.test.")))

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_rule_would_be_found(tmp_path):
    for name in ("canary.rules.yaml", "canary.rules.test.yaml"):
        text = (RULES / name).read_text(encoding="utf-8")
        wrong = text.replace("histogram_quantile(0.95", "histogram_quantile(0.5")
        (tmp_path / name).write_text(wrong, encoding="utf-8")

    assert "pool_revision:ttft_seconds:p95" in run("test", "rules", tmp_path / name).stderr

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner
from weighbridge_mesh.chart import chart_files
from weighbridge_mesh.cli import app


def run(*words):
    return CliRunner().invoke(app, [*words])


def test_options_reach_the_rendering():
    ran = run(
        *("bootstrap", "--listen", "127.0.0.1:1", "--admin", "none", "--router", "unix:/r.sock"),
        *("--pool", "small=a:1,b:2", "--pool", "large=c:3", "--body-bytes", "5", "--fail-closed"),
        *("--pool-health", "none", "--message-timeout", "0.5"),
    )
    assert ran.exit_code == 0
    config = yaml.safe_load(ran.output)
    router, small, _ = config["static_resources"]["clusters"]
    assert "admin" not in config
    assert "/r.sock" in str(router)
    assert small["type"] == "STRICT_DNS"
    assert "health_checks" not in small
    assert "'message_timeout': '0.5s'" in str(config)
    assert "'failure_mode_allow': False" in str(config)


@pytest.mark.parametrize(
    "words",
    [("--listen", "nowhere"), ("--pool", "small"), ("--fallback-tier", "x"), ("--admin", "a:1")],
    ids=" ".join,
)
def test_faults_are_messages(words):
    ran = run("bootstrap", *words)
    assert ran.exit_code == 2
    assert "expected" in ran.output


def test_validate_tells_what_envoy_says(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(run("bootstrap").output)
    bad.write_text("static_resources: {listeners: 1}")
    assert run("validate", str(good)).exit_code == 0
    refused = run("validate", str(bad))
    assert refused.exit_code == 1
    assert "bad.yaml" in refused.output


def test_chart_files_are_written_where_it_is_said(tmp_path):
    ran = run("chart", str(tmp_path))
    assert ran.exit_code == 0
    written = [Path(line) for line in ran.output.split()]
    assert all(path.parent == tmp_path / "files" for path in written)
    assert {path.name for path in written} == set(chart_files())


def test_module_runs():
    ran = subprocess.run(
        [sys.executable, "-m", "weighbridge_mesh", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "bootstrap" in ran.stdout

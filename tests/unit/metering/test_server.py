"""The meter as a process: it takes exports, shows counters, and says what it can't do."""

import signal
import subprocess
import sys
import urllib.request

import grpc
import pytest
from envoy_rig.expositions import total
from envoy_rig.rig import get_text, wait_until
from typer.testing import CliRunner
from weighbridge.cli import app
from weighbridge.errors import SettingsError
from weighbridge.local.ports import LOOPBACK, free_ports
from weighbridge.metering.otlp import EXPORT, exported

USAGE = '{"prompt_tokens":7,"completion_tokens":5}'
TOLD = {"tier": "small", "path": "/v1/chat/completions", "status": "200", "team": "blue"}


@pytest.fixture
def meter():
    listen, metrics = free_ports(2)
    where = ("--listen", f"{LOOPBACK}:{listen}", "--metrics", f"{LOOPBACK}:{metrics}")
    process = subprocess.Popen([sys.executable, "-m", "weighbridge", "meter", *where])
    yield process, f"{LOOPBACK}:{listen}", f"http://{LOOPBACK}:{metrics}/metrics"
    process.kill()
    process.wait()


def _up(url):
    try:
        return urllib.request.urlopen(url, timeout=1).read()  # noqa: S310 - own port
    except OSError:
        return None


def test_exports_are_counted_until_it_is_told_to_stop(meter):
    process, address, url = meter
    wait_until(lambda: _up(url), "the meter is up")
    with grpc.insecure_channel(address) as channel:
        export = channel.unary_unary(EXPORT)
        seen = f"[0,{USAGE},{USAGE}]"
        assert (
            export(exported([{**TOLD, "seen": seen}, {}]), wait_for_ready=True, timeout=10) == b""
        )
    exposition = get_text(url)
    process.send_signal(signal.SIGTERM)

    assert total(exposition, "weighbridge_tokens_total", team="blue", kind="prompt") == 7
    assert total(exposition, "weighbridge_unreadable_receipts_total") == 1
    assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "small"), "--model: expected tier=model, came 'small'"),
        (("--model", "small=gemma-2-9b-it"), "--reference: expected a tier with a price"),
        (("--metrics", "nowhere"), "--metrics: expected host:port that is free"),
        (("--listen", "256.0.0.1:1"), "--listen: expected host:port that is free"),
        (("--catalog", "/nonexistent"), "expected a folder of YAML files"),
    ],
    ids=" ".join,
)
def test_faults_are_messages(words, said):
    ran = CliRunner().invoke(app, ["meter", *words])
    assert isinstance(ran.exception, SettingsError)
    assert said in str(ran.exception)


def test_a_port_that_is_taken_is_said_to_be(meter):
    _, address, url = meter
    wait_until(lambda: _up(url), "the meter is up")
    ran = CliRunner().invoke(app, ["meter", "--metrics", url.split("/")[2], "--listen", address])
    assert isinstance(ran.exception, SettingsError)
    assert "is another process there?" in str(ran.exception)

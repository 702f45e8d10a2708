"""The metering benchmark: its client, its report, its Envoy. That it runs is tested at the end."""

import io
import socket
import threading

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner
from unit.bench.fakes import MACHINE
from weighbridge.bench import commands, metering
from weighbridge.bench.alternation import alternate, is_whole, turned
from weighbridge.bench.metering_report import (
    MeteringOptions,
    MeteringReport,
    Part,
    print_metering,
)
from weighbridge.bench.metering_rig import METERED, PLAIN, metering_bootstrap
from weighbridge.bench.statistics import Latencies, Spread
from weighbridge.errors import LocalError
from weighbridge_mesh.bootstrap import to_yaml
from weighbridge_mesh.validation import validate

PART = Part(
    latencies=Latencies(1.25, 2.0, 3.5, 9.0),
    added_us=Spread(42.5, 40.0, 45.0),
    event_us=Spread(6.0, 5.0, 7.0),
)
REPORT = MeteringReport(
    machine=MACHINE,
    options=MeteringOptions(),
    parts={PLAIN: PART, METERED: PART},
    meter_us=55.0,
    receipts=7,
    answers=7,
)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
def server():
    """Answers each request on one connection with `answers`, cut in two."""
    listener = socket.create_server(("127.0.0.1", 0))
    answers = [OK]

    def serve():
        line, _ = listener.accept()
        with line:
            while line.recv(1000):
                line.sendall(answers[0][:10])
                line.sendall(answers[0][10:])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], answers
    listener.close()
    thread.join(5)


def test_each_request_is_timed(server):
    port, _ = server
    taken = alternate({"one": port}, b"GET", 5)
    assert len(taken["one"]) == 5
    assert all(seconds > 0 for seconds in taken["one"])


def test_an_answer_that_is_none_is_a_message(server):
    port, answers = server
    answers[0] = OK.replace(b"200", b"503")
    with pytest.raises(LocalError, match="expected an answer with status 200, came"):
        alternate({"one": port}, b"GET", 1)


@pytest.mark.parametrize(
    ("answer", "whole"), [(OK, True), (OK[:-1], False), (OK[:20], False), (b"", False)]
)
def test_an_answer_is_whole_with_its_last_byte(answer, whole):
    assert is_whole(answer) is whole


def test_an_answer_without_a_length_is_a_message():
    with pytest.raises(LocalError, match="content-length"):
        is_whole(b"HTTP/1.1 200 OK\r\n\r\n")


def test_everybody_is_first_in_turn():
    assert [turned("abc", number)[0] for number in range(4)] == ["a", "b", "c", "a"]


def test_the_report_says_what_was_added():
    output = io.StringIO()
    print_metering(Console(file=output, width=200), REPORT)
    assert "42.5 (40.0 to 45.0)" in output.getvalue()
    assert "55 µs" in output.getvalue()


def test_receipts_that_are_missing_are_a_fault():
    report = msgspec.structs.replace(REPORT, receipts=5)
    output = io.StringIO()
    print_metering(Console(file=output, width=200), report)
    assert report.faults == ["7 answers were metered, and 5 receipts counted"]
    assert "5 receipts counted" in output.getvalue()


@pytest.mark.parametrize(("receipts", "status"), [(7, 0), (5, 1)])
def test_the_command_prints_it(monkeypatch, tmp_path, receipts, status):
    asked = []

    def fake(options, told):
        told("a step")
        asked.append(options)
        return msgspec.structs.replace(REPORT, receipts=receipts)

    monkeypatch.setattr(metering, "run_metering", fake)
    file = tmp_path / "report.json"
    ran = CliRunner().invoke(commands.app, ["--metering", "--quick", "--json", str(file)])

    assert ran.exit_code == status
    assert asked[0].requests < MeteringOptions().requests
    assert msgspec.json.decode(file.read_bytes(), type=MeteringReport).receipts == receipts


def test_envoy_accepts_both_listeners(tmp_path):
    file = tmp_path / "envoy.yaml"
    file.write_text(to_yaml(metering_bootstrap({PLAIN: 1, METERED: 2}, 3, 4, 5)))
    validate(file)
    text = file.read_text()
    assert text.count("http.lua.v3.Lua") == 1
    assert "ExternalProcessor" not in text


def test_a_short_run_measures_both():
    options = MeteringOptions(requests=6, rounds=2, streams=2, tokens=3, itl_ms=1)
    report = metering.run_metering(options)

    assert report.faults == []
    assert set(report.parts) == {PLAIN, METERED}
    assert report.parts[METERED].latencies.p50_ms > 0

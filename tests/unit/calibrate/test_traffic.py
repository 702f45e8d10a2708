"""Logs: weighed decisions are taken, all else is passed over and counted, faults are told."""

import gzip
import io
import json
import logging
import sys
from pathlib import Path

import pytest
from unit.calibrate.fakes import SERVED, announcement, decision, decisions, write_log
from weighbridge.calibrate.traffic import ANNOUNCEMENT, read_traffic
from weighbridge.errors import RecordError
from weighbridge.generation import Generations
from weighbridge.logs import DecisionLine, JsonFormatter
from weighbridge.metrics import Metrics

DIGEST = "c0ffee00c0ffee"
PACKED = gzip.compress(b"x" * 1000, mtime=0)


def read(*paths):
    return read_traffic(paths, SERVED, DIGEST)


def read_lines(tmp_path, *lines):
    return read(write_log(tmp_path / "router.log", lines))


def test_weighed_decisions_become_arrays(tmp_path):
    traffic = read_lines(
        tmp_path,
        decision(0.5, ts=100.0, body_bytes=1200, earlier=0.25),
        decision(-1.25, ts=160.0, reason="context-window", tier="large"),
    )

    assert len(traffic) == 2
    assert traffic.raws.tolist() == [0.5, -1.25]
    assert traffic.earlier.tolist() == [0.25, 0.0]
    assert traffic.body_bytes.tolist() == [1200.0, 700.0]
    assert traffic.fixed == ["", "large"]
    assert traffic.seconds == 60.0


@pytest.mark.parametrize("reason", ["score", "sticky", "deadline"])
def test_what_the_threshold_decided_another_threshold_may_decide_otherwise(tmp_path, reason):
    assert read_lines(tmp_path, decision(0.1, reason=reason)).fixed == [""]


@pytest.mark.parametrize("reason", ["preferred", "context-window", "capability"])
def test_what_a_guard_or_a_wish_decided_stays(tmp_path, reason):
    assert read_lines(tmp_path, decision(-2.0, reason=reason, tier="large")).fixed == ["large"]


def test_other_lines_are_passed_over_and_counted_by_why(tmp_path):
    path = tmp_path / "router.log"
    unweighed = [
        decision(0.0) | {"score": None, "raw": None},
        {"event": "log", "message": "drained"},
    ]
    broken = [b"Traceback (most recent call last):", b"[1, 2]", b"\xff\xfe", b'{"event": "dec']
    insane = [decision(0.0, score=1.5), decision(1e200), decision(0.0, body_bytes=-1)]
    lines = [decision(0.3), *unweighed, *insane]
    path.write_bytes(
        b"\n".join([*(json.dumps(line).encode() for line in lines), *broken, b"", b""])
    )

    traffic = read(path)

    assert (len(traffic), traffic.passed.unweighed, traffic.passed.broken) == (1, 2, 7)
    assert traffic.passed.words() == "2 weighed nothing, 7 not JSON lines of a router"


def test_several_files_are_read_as_one_and_a_packed_one_is_unpacked(tmp_path):
    one = write_log(tmp_path / "a.log", [decision(0.1)])
    other = tmp_path / "b.log.gz"
    other.write_bytes(gzip.compress(json.dumps(decision(0.2)).encode()))

    assert read(one, other).raws.tolist() == [0.1, 0.2]


def test_a_dash_is_standard_input(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(decision(0.7)).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)

    assert read(Path("-")).raws.tolist() == [0.7]


def test_a_log_from_before_raw_scores_is_read_by_its_scores(tmp_path):
    old = decision(0.4)
    del old["raw"]

    traffic = read_lines(tmp_path, old, decision(0.4))

    assert traffic.inverted == 1
    assert traffic.raws[0] == pytest.approx(0.4, abs=0.005)


def test_lines_that_another_artifact_weighed_are_left_out(tmp_path):
    traffic = read_lines(
        tmp_path,
        announcement("aaaaaaaaaaaa", generation=1),
        decision(0.1, generation=1),
        announcement(DIGEST[:12], generation=2),
        decision(0.2, generation=2),
        decision(0.3, generation=1),  # was in flight when the artifact changed
    )

    assert traffic.raws.tolist() == [0.2]
    assert traffic.passed.foreign == 2
    assert traffic.sources == {f"artifact {DIGEST[:12]}"}


def test_a_change_of_settings_alone_is_no_other_source(tmp_path):
    traffic = read_lines(
        tmp_path,
        announcement(DIGEST[:12], generation=1),
        decision(0.1, generation=1),
        announcement(DIGEST[:12], generation=2),
        decision(0.2, generation=2),
    )

    assert (len(traffic), len(traffic.sources)) == (2, 1)


def test_each_file_numbers_its_generations_by_itself(tmp_path):
    one = write_log(tmp_path / "a", [announcement("aaaaaaaaaaaa"), decision(0.1)])
    other = write_log(tmp_path / "b", [announcement(DIGEST[:12]), decision(0.2)])

    assert read(one, other).raws.tolist() == [0.2]


def test_without_an_announcement_generations_are_told_apart(tmp_path):
    traffic = read_lines(tmp_path, decision(0.1, generation=1), decision(0.2, generation=2))

    assert traffic.sources == {"generation 1", "generation 2"}


def test_if_all_lines_are_anothers_the_way_out_is_said(tmp_path):
    with pytest.raises(
        RecordError, match=r"all 1 .* by artifact aaaaaaaaaaaa, not by c0ffee00c0ff;"
    ):
        read_lines(tmp_path, announcement("aaaaaaaaaaaa"), decision(0.1))


@pytest.mark.parametrize(
    ("lines", "counted"),
    [
        ([], "nothing, the log is empty"),
        ([{"event": "log", "message": "x"}], "1 weighed nothing"),
        (["words", 3], "2 not JSON lines of a router"),
    ],
)
def test_a_log_without_weighed_lines_is_refused_with_what_was_in_it(tmp_path, lines, counted):
    with pytest.raises(RecordError, match=f"came none; passed over: {counted}"):
        read_lines(tmp_path, *lines)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("absent.log", None, "No such file"),
        ("plain.gz", b"not packed", "Not a gzipped file"),
        ("cut.gz", PACKED[:-10], "ended before"),
        ("bent.gz", PACKED[:10] + b"\xff" * 40, "Error -3"),
    ],
    ids=["absent", "not packed", "cut", "bent"],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path, name, content, fault):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(RecordError, match=f"{name}: can't be read: .*{fault}"):
        read(path)


def test_the_lines_are_those_that_the_router_writes():
    """The fake lines above must not drift from the formats that they stand for."""
    assert set(decision(0.1)) == set(DecisionLine.__struct_fields__)
    assert len(decisions(3)) == 3


def test_the_announcement_is_the_one_that_the_router_makes(caplog):
    with caplog.at_level(logging.INFO):
        Generations(None, None, Metrics())

    (record,) = [record for record in caplog.records if record.message == ANNOUNCEMENT]
    line = json.loads(JsonFormatter().format(record))
    assert (
        {"event", "message", "generation", "artifact"}
        <= set(line)
        <= {
            *announcement("x"),
            "logger",
        }
    )

"""The log: JSON lines, prompts as length and keyed hash alone, and nobody waits for a reader."""

import fcntl
import json
import logging
import os
import sys

import pytest
from weighbridge import logs
from weighbridge.logs import (
    DecisionLine,
    DecisionLog,
    JsonFormatter,
    configure_logging,
    is_sampled,
)


def line(**fields):
    defaults = {"ts": 1.5, "tier": "small", "reason": "score", "micros": 200, "body_bytes": 10}
    return DecisionLine(**defaults | fields)


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_carries_all_its_fields_as_json(pipe):
    read_end, write_end = pipe
    log = DecisionLog(None, write_end)
    log.add(line(score=0.5, trace_id="abc"))
    log.add(line(tier="large"))
    log.flush()

    first, second, rest = os.read(read_end, 65536).decode().split("\n")

    assert rest == ""
    assert json.loads(first) == {
        **dict.fromkeys(("earlier", "raw")),
        **dict.fromkeys(("endpoint", "ask_hash", "span_id"), ""),
        **dict.fromkeys(("turns", "ask_chars", "generation"), 0),
        "ts": 1.5,
        "event": "decision",
        "tier": "small",
        "reason": "score",
        "micros": 200,
        "body_bytes": 10,
        "score": 0.5,
        "trace_id": "abc",
    }
    assert json.loads(second)["tier"] == "large"


def test_a_decision_line_has_no_field_that_could_hold_a_prompt():
    texts = {name for name, kind in DecisionLine.__annotations__.items() if kind is str}

    assert texts == {"tier", "reason", "event", "endpoint", "ask_hash", "trace_id", "span_id"}


def test_the_writer_writes_without_being_asked_and_the_rest_at_the_end(pipe):
    read_end, write_end = pipe
    log = DecisionLog(None, write_end)
    log.start()
    log.add(line(tier="first"))
    assert b"first" in os.read(read_end, 65536)

    log.add(line(tier="last"))
    log.close()

    assert b"last" in os.read(read_end, 65536)


def test_a_log_that_was_never_started_can_be_closed(pipe):
    DecisionLog(None, pipe[1]).close()


def test_nothing_is_written_where_there_is_nothing(pipe):
    read_end, write_end = pipe
    DecisionLog(None, write_end).flush()
    os.set_blocking(read_end, False)

    with pytest.raises(BlockingIOError):
        os.read(read_end, 1)


def test_a_reader_that_stalls_blocks_nobody_and_the_oldest_lines_go(pipe, monkeypatch):
    read_end, write_end = pipe
    monkeypatch.setattr(logs, "_FLUSH_S", 0.0)
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    log = DecisionLog(None, write_end)
    log.start()

    for number in range(2 * logs._MOST_LINES):
        log.add(line(turns=number))
    log.close()

    assert len(log._lines) <= logs._MOST_LINES
    assert log._writer.is_alive()
    os.close(read_end)
    log._writer.join(10)
    assert not log._writer.is_alive()


def test_a_closed_reader_is_no_error(pipe):
    read_end, write_end = pipe
    os.close(read_end)
    log = DecisionLog(None, write_end)
    log.add(line())

    log.flush()

    assert not log._lines


@pytest.mark.parametrize("key", [None, "k", "k" * 500])
def test_equal_texts_have_equal_hashes_and_others_not(key):
    log = DecisionLog(key)

    assert log.fingerprint("one") == log.fingerprint("one")
    assert log.fingerprint("one") != log.fingerprint("two")
    assert len(log.fingerprint("")) == 16
    int(log.fingerprint("\ud800"), 16)


def test_the_hash_depends_on_the_key_alone():
    assert DecisionLog("a").fingerprint("x") == DecisionLog("a").fingerprint("x")
    assert DecisionLog("a").fingerprint("x") != DecisionLog("b").fingerprint("x")


def test_without_a_key_no_other_process_can_tell_what_was_hashed():
    assert DecisionLog(None).fingerprint("x") != DecisionLog(None).fingerprint("x")


@pytest.mark.parametrize(
    ("share", "drawn", "sampled"),
    [
        (1.0, 0.99, True),
        (0.0, 0.0, False),
        (0.25, 0.24, True),
        (0.25, 0.25, False),
    ],
)
def test_the_share_sampled_is_the_one_asked_for(monkeypatch, share, drawn, sampled):
    monkeypatch.setattr(logs.random, "random", lambda: drawn)

    assert is_sampled(share) is sampled


def record(message, *args, exc_info=None, **extra):
    made = logging.LogRecord("weighbridge.x", logging.WARNING, "x.py", 1, message, args, exc_info)
    made.__dict__.update(extra)
    return made


def test_a_record_becomes_one_line_of_json_with_its_fields():
    rendered = JsonFormatter().format(record("came %d\n", 5, fields={"generation": 2}))

    assert "\n" not in rendered
    parsed = json.loads(rendered)
    assert parsed.pop("ts") > 0
    assert parsed == {
        "event": "log",
        "level": "warning",
        "logger": "weighbridge.x",
        "message": "came 5\n",
        "generation": 2,
    }


def test_a_traceback_stays_within_its_line():
    try:
        int("broken")
    except ValueError:
        rendered = JsonFormatter().format(record("failed", exc_info=sys.exc_info()))

    assert "\n" not in rendered
    assert json.loads(rendered)["error"] == "ValueError"
    assert 'int("broken")' in json.loads(rendered)["traceback"]


def test_a_record_outside_of_an_exception_has_no_traceback():
    rendered = JsonFormatter().format(record("fine", exc_info=(None, None, None)))

    assert "traceback" not in json.loads(rendered)


def test_all_loggers_write_through_the_log_from_the_level_up(pipe, root_logger):
    read_end, write_end = pipe
    log = DecisionLog(None, write_end)

    configure_logging("warning", log)
    logging.getLogger("weighbridge.a").info("too little")
    logging.getLogger("another.library").error("enough")
    log.flush()

    written = os.read(read_end, 65536).decode()
    assert [json.loads(text)["message"] for text in written.splitlines()] == ["enough"]
    assert root_logger.level == logging.WARNING

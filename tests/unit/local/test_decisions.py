import orjson
from weighbridge.local.decisions import NOT_ROUTED, AccessLog, Line, Tally

ENTRY = {
    "time": "2026-11-21T05:40:37.345Z",
    "tier": "small",
    "score": "0.034",
    "reason": "score",
    "status": 200,
    "duration_ms": 5,
    "upstream_host": "127.0.0.1:1",
    "path": "/v1/chat/completions",
}
REFUSED = {"status": 413, "details": "request_payload_too_large", "tier": None, "score": None}


def line(**fields):
    return Line.of({**ENTRY, **fields})


def test_line_is_read():
    assert line() == Line(
        *("2026-11-21T05:40:37.345Z", "small", "0.034", "score", 200, 5, "127.0.0.1:1"),
        "/v1/chat/completions",
    )
    assert line().clock == "05:40:37"


def test_request_that_went_nowhere_says_why():
    refused = Line.of(REFUSED)
    assert (refused.tier, refused.reason) == (NOT_ROUTED, "request_payload_too_large")


def test_log_that_is_not_there_yet_is_empty(tmp_path):
    assert AccessLog(tmp_path / "none").read_new() == []


def test_lines_come_once_and_whole(tmp_path):
    file = tmp_path / "log"
    log = AccessLog(file)
    data = orjson.dumps(ENTRY)
    with file.open("wb", buffering=0) as writer:
        writer.write(data + b"\n" + data[:10])
        assert log.read_new() == [line()]
        assert log.read_new() == []
        writer.write(data[10:] + b"\n")
        assert log.read_new() == [line()]


def test_tally_gives_shares_and_failures():
    tally = Tally()
    assert tally.summary() == "no requests yet"
    tally.add([line()] * 3)
    tally.add([line(tier="large", reason="fail-open", status=503)])
    assert tally.summary() == (
        "4 requests: small 3 (75%), large 1 (25%); by score 3, fail-open 1; 1 failed"
    )


def test_client_that_left_counts_as_failed():
    tally = Tally()
    tally.add([line(status=0)])
    assert tally.failed == 1

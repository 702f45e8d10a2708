import pytest
from weighbridge_lab.ledger import Kind, Ledger, Outcome, Record


def record(outcome=Outcome.COMPLETE, status=200, *, at=0.0, kind=Kind.EASY, **fields):
    return Record(kind, at, 0.1, outcome, status, **fields)


def ledger(*records):
    return Ledger(rate=10.0, began=100.0, ended=102.0, late_s=0.003, records=records)


@pytest.mark.parametrize(
    ("outcome", "status", "failed", "retriable"),
    [
        (Outcome.COMPLETE, 200, False, False),
        (Outcome.ABANDONED, None, False, False),
        (Outcome.CUT, 200, True, False),
        (Outcome.UNANSWERED, None, True, True),
        (Outcome.REFUSED, 500, True, True),
        (Outcome.REFUSED, 503, True, True),
        (Outcome.REFUSED, 404, True, False),
        (Outcome.REFUSED, 429, True, False),
        (Outcome.REFUSED, 302, True, False),
    ],
)
def test_failure_is_retriable_where_no_answer_had_begun(outcome, status, failed, retriable):
    one = record(outcome, status)
    assert ledger(one).failed() == ([one] if failed else [])
    assert ledger(one).retriable() == ([one] if retriable else [])


def test_cut_streams_are_counted_apart():
    cut = record(Outcome.CUT, error="ClientPayloadError")
    counted = ledger(record(), cut, record(Outcome.UNANSWERED, None, error="TimeoutError"))
    assert counted.cut() == [cut]
    assert counted.by_status() == {"200": 1, "200 cut": 1, "TimeoutError": 1}


def test_what_a_server_was_lost_with_is_no_matter_for_a_retry():
    lost = record(Outcome.REFUSED, 503, code="connection_lost")
    counted = ledger(lost, record(Outcome.REFUSED, 503, code="no_healthy_upstream"))
    assert counted.lost() == [lost]
    assert lost not in counted.retriable()
    assert "503 (connection_lost)" in counted.summary()


def test_tiers_are_counted_of_complete_answers_and_of_the_kinds_asked_for():
    counted = ledger(
        record(tier="small", reason="score"),
        record(kind=Kind.HARD, tier="large", reason="score"),
        record(kind=Kind.MODELS),
        record(Outcome.REFUSED, 503, tier="small"),
    )
    assert counted.by_tier() == {"small": 1, "large": 1, "-": 1}
    assert counted.by_tier(Kind.HARD, Kind.HARD_STREAM) == {"large": 1}
    assert counted.by_reason() == {"score": 2, "-": 1}


def test_part_of_a_ledger_is_what_was_sent_in_that_time():
    early, middle, late = (record(at=at) for at in (100.0, 101.0, 101.5))
    part = ledger(early, middle, late).between(100.5, 101.5)
    assert part.records == [middle]
    assert (part.began, part.ended) == (100.5, 101.5)


def test_summary_says_what_an_assertion_that_fails_should_say():
    broken = record(Outcome.CUT, at=100.25, kind=Kind.EASY_STREAM, error="ClientPayloadError")
    refused = record(Outcome.REFUSED, 503, at=101.0)
    assert ledger(record(tier="small", reason="score"), broken, refused).summary() == (
        "3 requests in 2.0 s at 10 a second\n"
        "sent 3 ms late at worst\n"
        "2 failed: 1 retriable, 0 lost, 1 cut\n"
        "results: 200 1, 200 cut 1, 503 1\n"
        "tiers: small 1; reasons: score 1\n"
        "  easy-stream sent at 0.250 s: cut after 0.100 s, 200 cut (ClientPayloadError)\n"
        "  easy sent at 1.000 s: refused after 0.100 s, 503"
    )


def test_ledger_comes_back_from_its_file_as_it_was(tmp_path):
    written = ledger(record(tier="small"), record(Outcome.UNANSWERED, None, error="OSError"))
    written.write(tmp_path / "ledger.json")
    read = Ledger.read(tmp_path / "ledger.json")
    assert tuple(read.records) == written.records
    assert read.late_s == written.late_s
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.json"]

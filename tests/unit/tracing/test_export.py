"""Spans on their way: a bounded queue, a thread, and each span counted once."""

import logging
import threading
from collections import Counter

import pytest
from envoy_rig.otlp_collector import read_export
from weighbridge.contract import SpanResult
from weighbridge.tracing import export
from weighbridge.tracing.collector import CollectorError
from weighbridge.tracing.export import SpanExporter
from weighbridge.tracing.span import Span


def span(number=0):
    return Span("1" * 32, f"{number + 1:016x}", "", "decide", 1, 2, {})


class FakeCollector:
    """Takes exports, or does what `trouble` says."""

    def __init__(self, trouble=None, refuses=0):
        self.names = []
        self.trouble = trouble
        self.refuses = refuses
        self.got = threading.Event()
        self.closed = False

    def send(self, body):
        if self.trouble:
            raise self.trouble
        self.names.append([s.span_id for s in read_export("application/json", body)])
        self.got.set()
        return self.refuses

    def close(self):
        self.closed = True


@pytest.fixture
def counts():
    return Counter()


@pytest.fixture
def make(counts):
    def make(collector, queue=10):
        def count(result, number):
            counts[result] += number

        return SpanExporter(collector, {"service.name": "router"}, queue, count)

    return make


def test_spans_go_out_in_their_order_and_are_counted(make, counts):
    collector = FakeCollector()
    exporter = make(collector)
    for number in range(3):
        exporter.offer(span(number))
    exporter.flush()

    assert collector.names == [[span(number).span_id for number in range(3)]]
    assert counts[SpanResult.SENT] == 3


def test_many_go_out_in_several_exports(make, counts, monkeypatch):
    monkeypatch.setattr(export, "_BATCH", 4)
    collector = FakeCollector()
    exporter = make(collector)
    for number in range(10):
        exporter.offer(span(number))
    exporter.flush()

    assert [len(names) for names in collector.names] == [4, 4, 2]
    assert counts[SpanResult.SENT] == 10


def test_nothing_is_sent_where_there_is_nothing(make, counts):
    collector = FakeCollector()
    make(collector).flush()

    assert collector.names == []
    assert counts.total() == 0


def test_past_its_bound_the_queue_drops_and_counts_the_newest(make, counts):
    collector = FakeCollector()
    exporter = make(collector, queue=2)
    for number in range(5):
        exporter.offer(span(number))
    assert counts == {SpanResult.QUEUE_FULL: 3}

    exporter.flush()
    assert collector.names == [[span(0).span_id, span(1).span_id]]
    exporter.offer(span(9))
    exporter.flush()
    assert counts[SpanResult.SENT] == 3


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (CollectorError("gone"), SpanResult.UNSENT),
        (CollectorError("no", refused=True), SpanResult.REFUSED),
    ],
)
def test_lost_spans_are_counted_by_cause(make, counts, error, result):
    exporter = make(FakeCollector(trouble=error))
    exporter.offer(span())
    exporter.flush()

    assert +counts == {result: 1}


@pytest.mark.parametrize(("refuses", "refused"), [(1, 1), (99, 3)])
def test_part_of_an_export_may_be_refused(make, counts, refuses, refused):
    exporter = make(FakeCollector(refuses=refuses))
    for number in range(3):
        exporter.offer(span(number))
    exporter.flush()

    assert +counts == +Counter({SpanResult.SENT: 3 - refused, SpanResult.REFUSED: refused})


def test_a_trouble_that_lasts_is_told_once(make, caplog):
    exporter = make(FakeCollector(trouble=CollectorError("nobody there")))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            exporter.offer(span())
            exporter.flush()

    assert [record.getMessage() for record in caplog.records] == [
        "spans are lost: the collector at tracing.endpoint took none: nobody there"
    ]


def test_the_thread_sends_by_itself_and_the_rest_at_the_end(make, counts, monkeypatch):
    monkeypatch.setattr(export, "_EXPORT_S", 0.01)
    collector = FakeCollector()
    exporter = make(collector)
    exporter.start()
    exporter.offer(span(1))
    assert collector.got.wait(10)
    monkeypatch.setattr(export, "_EXPORT_S", 60)
    exporter.offer(span(2))
    exporter.close()

    assert counts[SpanResult.SENT] == 2
    assert collector.closed

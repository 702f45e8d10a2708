"""Exports of log records, read as receipts."""

import pytest
from weighbridge.metering.otlp import exported, receipts
from weighbridge.metering.receipt import Counts, Receipt, Seen

FIELDS = {"tier": "small", "path": "/v1/messages", "status": "200"}


def test_a_record_is_a_receipt():
    usage = '{"input_tokens":3,"output_tokens":2,"cache_read_input_tokens":null,"iterations":[]}'
    told = {
        **FIELDS,
        "flags": "DC",
        "request_bytes": "99",
        "team": "search",
        "user": "ann",
        "seen": f"[4,{usage},{usage}]",
    }
    counts = Counts(input_tokens=3, output_tokens=2)

    assert list(receipts(exported([told]))) == [
        Receipt("small", "/v1/messages", 200, "DC", 99, Seen(4, counts, counts), "search", "ann")
    ]


def test_what_envoy_does_not_know_is_nothing():
    told = {**FIELDS, "status": "-", "request_bytes": "-", "seen": "-"}
    assert list(receipts(exported([told]))) == [Receipt("small", "/v1/messages", 0)]


def test_an_export_has_many_records():
    assert len(list(receipts(exported([FIELDS] * 3)))) == 3


@pytest.mark.parametrize("left_out", FIELDS)
def test_a_record_without_what_it_needs_is_no_receipt(left_out):
    told = {key: value for key, value in FIELDS.items() if key != left_out}
    assert list(receipts(exported([told]))) == [None]


def test_a_number_that_is_none_spoils_one_record_alone():
    bad = {**FIELDS, "status": "fine"}
    assert [bool(each) for each in receipts(exported([bad, FIELDS]))] == [False, True]


@pytest.mark.parametrize("seen", ["[", "[1,2,3]", '[1,{"prompt_tokens":"x"},null]', "{}"])
def test_noted_counts_that_can_not_be_read_are_told_apart(seen):
    (receipt,) = receipts(exported([{**FIELDS, "seen": seen}]))
    assert receipt.seen is None


@pytest.mark.parametrize("garbage", [b"\xff\xff", b"\x0a\x7f"])
def test_bytes_that_are_no_export_are_told(garbage):
    assert list(receipts(garbage)) == [None]


def test_nothing_is_nothing():
    assert list(receipts(b"")) == []

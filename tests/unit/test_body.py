"""Bodies on their way in: joined in order, capped, decompressed up to the same cap."""

import gzip
import tracemalloc
import zlib

import pytest
from weighbridge.body import BodyBuffer, decompress
from weighbridge.errors import BodyOversizedError, BodyUnparsedError

PLAIN = b'{"messages": []}'


def _filled(cap, *chunks):
    buffer = BodyBuffer(cap)
    for chunk in chunks:
        buffer.add(chunk)
    return buffer


@pytest.mark.parametrize(
    ("chunks", "whole"), [((), b""), ((b"one",), b"one"), ((b"on", b"", b"e"), b"one")]
)
def test_chunks_come_out_in_order(chunks, whole):
    buffer = _filled(10, *chunks)

    assert buffer.whole() == whole
    assert buffer.size == len(whole)


def test_a_body_of_exactly_the_cap_is_read():
    assert _filled(4, b"ab", b"cd").whole() == b"abcd"


def test_a_body_beyond_the_cap_is_not_read_but_can_be_handed_on():
    buffer = _filled(4, b"ab", b"cde")

    assert buffer.overflowed
    with pytest.raises(BodyOversizedError, match="expected at most 4 bytes, came 5"):
        buffer.whole()
    assert buffer.take() == b"abcde"


def test_what_was_taken_is_let_go_but_still_counted():
    buffer = _filled(10, b"abc")
    buffer.take()

    assert buffer.take() == b""
    assert buffer.size == 3


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", PLAIN),
        ("identity", PLAIN),
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        (" GZip ", gzip.compress(PLAIN, mtime=0)),
        ("x-gzip", gzip.compress(PLAIN, mtime=0)),
        ("deflate", zlib.compress(PLAIN)),
    ],
)
def test_known_encodings_are_undone(encoding, packed):
    assert decompress(packed, encoding, 100) == PLAIN


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip;q=1", "compress"])
def test_an_unknown_encoding_is_unparsed(encoding):
    with pytest.raises(BodyUnparsedError, match="gzip, deflate or identity"):
        decompress(PLAIN, encoding, 100)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        PLAIN,
        gzip.compress(PLAIN, mtime=0)[:-1],
        gzip.compress(PLAIN, mtime=0)[:12],
        b"\x1f\x8b" + b"\xff" * 40,
    ],
)
def test_damaged_data_is_unparsed(packed):
    with pytest.raises(BodyUnparsedError):
        decompress(packed, "gzip", 100)


def test_data_that_decompresses_to_exactly_the_cap_is_read():
    assert decompress(gzip.compress(PLAIN, mtime=0), "gzip", len(PLAIN)) == PLAIN
    with pytest.raises(BodyOversizedError):
        decompress(gzip.compress(PLAIN, mtime=0), "gzip", len(PLAIN) - 1)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compression_bomb_costs_no_more_memory_than_the_cap(encoding, pack):
    bomb = pack(bytes(64 * 1024 * 1024))
    cap = 256 * 1024
    tracemalloc.start()
    try:
        with pytest.raises(BodyOversizedError, match="once decompressed"):
            decompress(bomb, encoding, cap)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 * cap

"""Responses as Envoy writes them, cut into pieces at every place."""

import pytest
from weighbridge.bench.framing import FramingError, ResponseReader

SIZED = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-weighbridge-tier: small\r\n"
    b"x-weighbridge-reason: score\r\ndate: today\r\n\r\nhello"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
    b"x-weighbridge-tier: large\r\n\r\n"
    b"c\r\ndata: {}\n\ndx\r\n8;ext=1\r\n[DONE]\n\n\r\n0\r\n\r\n"
)
FAILED_OPEN = (
    b"HTTP/1.1 200 OK\r\nx-weighbridge-tier: large\r\nx-weighbridge-reason: fail-open\r\n"
    b"content-length: 0\r\n\r\n"
)


def read(*pieces):
    reader = ResponseReader()
    payload = b""
    completed = []
    for piece in pieces:
        completed.append(reader.feed(piece))
        payload += reader.payload
    return reader, completed, payload


def test_a_sized_response_is_complete_with_its_last_byte_wherever_it_is_cut():
    for cut in range(1, len(SIZED)):
        reader, completed, _ = read(SIZED[:cut], SIZED[cut:])

        assert completed == [False, True], cut
        assert (reader.status, reader.has_tier, reader.failed_open) == (200, True, False)


def test_chunks_are_joined_wherever_they_are_cut():
    for cut in range(1, len(CHUNKED)):
        _, completed, payload = read(CHUNKED[:cut], CHUNKED[cut:])

        assert completed == [False, True], cut
        assert payload == b"data: {}\n\ndx[DONE]\n\n"


def test_chunks_arrive_byte_by_byte():
    _, completed, payload = read(*(bytes([byte]) for byte in CHUNKED))

    assert completed == [False] * (len(CHUNKED) - 1) + [True]
    assert payload == b"data: {}\n\ndx[DONE]\n\n"


def test_one_reader_reads_one_response_after_the_other():
    reader, completed, _ = read(SIZED, FAILED_OPEN, SIZED)

    assert completed == [True, True, True]
    assert not reader.failed_open


def test_a_response_that_failed_open_is_told_from_a_decision():
    reader, _, _ = read(FAILED_OPEN)

    assert reader.has_tier
    assert reader.failed_open


def test_the_reason_must_be_the_header_not_words_of_the_body():
    body = b"\r\nx-weighbridge-reason: fail-open\r\n"
    reader, completed, _ = read(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    assert completed == [True]
    assert not reader.failed_open


def test_a_connection_that_the_server_closes_is_told():
    reader, _, _ = read(b"HTTP/1.1 413 Too Big\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    assert reader.closes
    assert reader.status == 413


def test_a_status_without_a_body_needs_no_length():
    assert read(b"HTTP/1.1 204 No Content\r\n\r\n")[1] == [True]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"SSH-2.0-x\r\n\r\n", r"expected HTTP/1\.1"),
        (b"HTTP/1.1 200 OK\r\ndate: x\r\n\r\n", "neither"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab", "beyond its end"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx: y\r\n\r\nxyz\r\n",
            "size of a chunk",
        ),
    ],
)
def test_what_is_no_response_is_refused(data, message):
    with pytest.raises(FramingError, match=message):
        ResponseReader().feed(data)

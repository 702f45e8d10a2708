"""What a receipt tells of a request's tokens."""

import pytest
from weighbridge.contract import End, Unmetered
from weighbridge.metering.receipt import MOST_TOKENS, Counts, Details, Receipt, Seen, Tokens, read

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"


def receipt(counts=None, *, events=0, first=None, path=CHAT, status=200, flags="-"):
    seen = Seen(events, first or counts, counts)
    return Receipt("small", path, status, flags=flags, request_bytes=100, seen=seen)


TOLD = {
    "chat": (CHAT, Counts(prompt_tokens=7, completion_tokens=5), Tokens(7, 5, 0)),
    "chat, cached": (
        CHAT,
        Counts(prompt_tokens=7, completion_tokens=5, prompt_tokens_details=Details(4)),
        Tokens(7, 5, 4),
    ),
    "embeddings": ("/v1/embeddings", Counts(prompt_tokens=7), Tokens(7, 0, 0)),
    "responses, cached among the input": (
        "/v1/responses",
        Counts(input_tokens=7, output_tokens=5, input_tokens_details=Details(4)),
        Tokens(7, 5, 4),
    ),
    "messages, cached beside the input": (
        MESSAGES,
        Counts(input_tokens=3, output_tokens=5, cache_read_input_tokens=4),
        Tokens(7, 5, 4),
    ),
    "messages, written to the cache": (
        MESSAGES,
        Counts(
            input_tokens=1,
            output_tokens=5,
            cache_read_input_tokens=4,
            cache_creation_input_tokens=2,
        ),
        Tokens(7, 5, 4),
    ),
}


@pytest.mark.parametrize(("path", "counts", "tokens"), TOLD.values(), ids=list(TOLD))
def test_every_shape_tells_its_tokens(path, counts, tokens):
    assert read(receipt(counts, path=path)) == (tokens, None, 0)


def test_what_only_the_first_object_told_is_kept():
    first = Counts(input_tokens=7, output_tokens=0)
    reading = read(receipt(Counts(output_tokens=5), first=first, path=MESSAGES))

    assert reading.tokens == Tokens(7, 5)


@pytest.mark.parametrize(
    ("flags", "end"),
    [
        *(("-", End.WHOLE), ("", End.WHOLE)),
        *(("DC", End.HUNG_UP), ("DR", End.HUNG_UP), ("UC,DC", End.HUNG_UP)),
        *(("UC", End.CUT_OFF), ("SI", End.CUT_OFF)),
    ],
)
def test_flags_tell_who_ended_a_response(flags, end):
    assert receipt(flags=flags).end is end


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, Unmetered.NO_USAGE),
        ({"flags": "DC"}, Unmetered.HUNG_UP),
        ({"flags": "DC", "status": 0}, Unmetered.HUNG_UP),
        ({"flags": "UC"}, Unmetered.CUT_OFF),
        ({"status": 400}, Unmetered.REFUSED),
        ({"status": 503, "flags": "UF"}, Unmetered.REFUSED),
        ({"status": 0, "flags": "UR"}, Unmetered.REFUSED),
    ],
)
def test_a_response_without_usage_has_a_reason(fields, reason):
    assert read(receipt(**fields)).unmetered is reason


@pytest.mark.parametrize(
    "counts",
    [
        Counts(prompt_tokens=MOST_TOKENS + 1, completion_tokens=1),
        Counts(prompt_tokens=1, completion_tokens=-1),
    ],
)
def test_counts_that_can_not_be_are_none(counts):
    assert read(receipt(counts))[:2] == (None, Unmetered.IMPLAUSIBLE)


def test_what_can_not_be_understood_is_none():
    assert read(receipt()._replace(seen=None)).unmetered is Unmetered.IMPLAUSIBLE


@pytest.mark.parametrize("counts", [Counts(prompt_tokens=1), Counts(completion_tokens=1)])
def test_half_a_usage_is_none(counts):
    assert read(receipt(counts)).tokens is None


@pytest.mark.parametrize(
    ("path", "events", "flags", "streamed"),
    [
        (CHAT, 12, "-", 10),
        (CHAT, 12, "DC", 11),
        ("/v1/completions", 12, "-", 11),
        ("/v1/completions", 12, "DC", 12),
        (MESSAGES, 12, "-", 7),
        (MESSAGES, 12, "DC", 10),
        ("/v1/responses", 12, "DC", 8),
        ("/v1/embeddings", 12, "-", 0),
        (CHAT, 1, "-", 0),
    ],
)
def test_events_that_bear_no_token_are_not_counted(path, events, flags, streamed):
    assert read(receipt(path=path, events=events, flags=flags)).streamed == streamed


def test_paths_without_tokens_have_no_endpoint():
    assert receipt(path="/v1/models").endpoint is None

"""Whatever bytes come, the reading ends in a `Prompt` or in one of two errors, within bounds."""

import gzip
import json
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from unit.bodies import EASY, HARD, assistant, chat, encode, read, text_part, user
from weighbridge import prompt as prompt_module
from weighbridge.artifact import load_artifact
from weighbridge.body import BodyBuffer, decompress
from weighbridge.classifier import make_classifier
from weighbridge.contract import Endpoint, Outcome
from weighbridge.conversation import is_continuation, spoken_text
from weighbridge.errors import BodyOversizedError, BodyUnparsedError
from weighbridge.excerpt import SEAM, excerpt
from weighbridge.generation import Generations
from weighbridge.logs import DecisionLog
from weighbridge.metrics import Metrics
from weighbridge.prompt import Prompt
from weighbridge.weighing import RequestHead, Weighing

settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
CI = settings.get_profile("ci")

ENDPOINTS = sorted(set(Endpoint) - {Endpoint.OTHER})
READING_S = 2.0
"""Most seconds for the reading of 10 MB, however it is made: an idle core takes a tenth."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
TEXT = st.text(max_size=60) | st.sampled_from([EASY, HARD, "continue", "<system-reminder>x", SEAM])
PART_TYPES = ["text", "input_text", "image_url", "input_audio", "tool_result", "tool_use", "x"]
PARTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(PART_TYPES) | JSON,
            "text": TEXT | JSON,
            "content": TEXT | JSON,
            "input": JSON,
        },
    )
    | JSON,
    max_size=4,
)
ROLES = st.sampled_from(["user", "assistant", "system", "developer", "tool", "function", "?"])
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": ROLES | JSON, "content": TEXT | PARTS | JSON},
        optional={"tool_calls": JSON, "type": st.text(max_size=5), "output": JSON},
    ),
    max_size=8,
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["auto", "llama-large", "weighbridge/small", ""]) | JSON,
        "messages": MESSAGES | JSON,
        "prompt": TEXT | st.lists(TEXT) | st.lists(st.integers()) | JSON,
        "input": TEXT | MESSAGES | JSON,
        "system": TEXT | JSON,
        "instructions": TEXT | JSON,
        "tools": JSON,
        "functions": JSON,
        "response_format": st.fixed_dictionaries({"type": TEXT}) | JSON,
        "text": JSON,
        "max_tokens": st.integers() | JSON,
        "max_completion_tokens": JSON,
        "temperature": st.floats(),
    },
)


def outcome(body, endpoint):
    try:
        return read(body, endpoint)
    except (BodyUnparsedError, BodyOversizedError) as error:
        return error


def check(found):
    """What holds of every reading."""
    if not isinstance(found, Prompt):
        return
    for number in (found.turns, found.text_bytes, found.token_ids, found.images):
        assert number >= 0
    assert found.max_tokens is None or found.max_tokens >= 0
    for ask in filter(None, (found.ask, *found.earlier)):
        assert ask.text
        ask.text.encode()
    assert found.ask is not None or not found.earlier
    assert len(found.earlier) <= 16


@given(st.binary(max_size=400), st.sampled_from(ENDPOINTS))
@CI
@example(b'{"messages":[{"role":"user","content":"\\', Endpoint.CHAT)
@example(b'\xef\xbb\xbf{"messages":[]}', Endpoint.CHAT)
@example(b'{"prompt":' + b"9" * 10_000 + b', "x": NaN}', Endpoint.COMPLETIONS)
@example(b'{"a":1e999999,"messages":[],"b":NaN}', Endpoint.CHAT)
def test_any_bytes_are_a_prompt_or_one_of_two_errors(body, endpoint):
    check(outcome(body, endpoint))


@given(REQUESTS, st.sampled_from(ENDPOINTS), st.booleans())
@CI
def test_any_document_shaped_like_a_request_is_a_prompt_or_one_of_two_errors(
    document, endpoint, ascii_only
):
    check(
        outcome(json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "ignore"), endpoint)
    )


@st.composite
def damaged(draw):
    body = bytearray(encode(draw(REQUESTS)) if draw(st.booleans()) else chat(HARD, EASY, n=1))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        match draw(st.sampled_from(["cut", "flip", "insert", "delete", "repeat"])):
            case "cut":
                del body[at:]
            case "flip" if at < len(body):
                body[at] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                body[at:at] = draw(st.binary(max_size=5) | st.sampled_from([b"[", b'"', b"\\u"]))
            case "delete":
                del body[at : at + draw(st.integers(0, 9))]
            case _:
                body[at:at] = body[at : at + 20] * 3
    return bytes(body)


@given(damaged(), st.sampled_from(ENDPOINTS))
@CI
def test_a_damaged_request_is_a_prompt_or_one_of_two_errors(body, endpoint):
    check(outcome(body, endpoint))


@pytest.fixture(scope="module")
def weighing(tmp_path_factory):
    with (tmp_path_factory.mktemp("log") / "lines").open("wb") as sink:
        metrics = Metrics()
        yield Weighing(Generations(None, None, metrics), metrics, DecisionLog(None, sink.fileno()))


HEADS = st.builds(
    RequestHead,
    path=st.sampled_from(["/v1/chat/completions", "/v1/messages", "/v1/responses", "/x", ""])
    | st.text(max_size=20),
    content_encoding=st.sampled_from(["", "gzip", "deflate", "br"]) | st.text(max_size=5),
    traceparent=st.text(max_size=60),
    prefer=st.sampled_from(["", "large", "auto"]) | st.text(max_size=5),
)


@given(HEADS, st.binary(max_size=200) | damaged() | REQUESTS.map(encode), st.booleans())
@CI
def test_deciding_never_raises_and_always_names_a_tier_that_there_is(weighing, head, body, packed):
    buffer = BodyBuffer(10_000)
    buffer.add(gzip.compress(body, 1) if packed else body)

    decision = weighing.finish(weighing.begin(head, buffer))

    assert decision.tier in weighing.generations.current.settings.tiers
    assert (decision.score is None) == (decision.outcome is not Outcome.WEIGHED)
    assert decision.score is None or 0 <= decision.score <= 1
    assert decision.decile in {None, *range(10)}
    failures = weighing.metrics.registry.get_sample_value
    assert failures("weighbridge_failures_total", {"kind": "internal"}) is None


@given(st.text(max_size=300), st.integers(2, 200), st.booleans())
@CI
@example("\ud800" * 20, 10, True)
@example('"\\' * 40, 11, True)
def test_an_excerpt_of_any_string_never_raises_and_never_holds_a_surrogate(
    text, budget, ascii_only
):
    literal = json.dumps(text, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    cut = excerpt(memoryview(literal), budget)

    cut.encode()
    assert len(cut) <= budget + len(SEAM)


WORDS = st.lists(
    st.sampled_from(["a", "to", "find", "the", "kettle"]), min_size=20, max_size=30
).map(" ".join)


@given(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=200), WORDS)
@CI
def test_where_the_ends_are_words_an_excerpt_is_a_head_and_a_tail_of_the_text(head, middle, tail):
    text = f"{head} {middle} {tail}"
    literal = memoryview(json.dumps(text).encode())

    cut = excerpt(literal, 20)

    before, _, after = cut.partition(SEAM)
    assert before
    assert text.startswith(before)
    assert after
    assert text.endswith(after)


MARKS = ["<system-reminder", "</system-reminder>", ">", "<", SEAM, "ask ", "[x] Result:", "\n"]


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=5), max_size=40).map("".join))
@CI
def test_leaving_blocks_out_of_any_text_never_adds_to_it(text):
    spoken = spoken_text(text)

    assert len(spoken) <= len(text)
    assert spoken == spoken.strip()
    assert "<" in text or spoken in {text.strip(), ""}
    is_continuation(spoken)


@pytest.fixture(scope="module")
def classifier():
    return make_classifier(load_artifact(), second_stage=False)


@given(st.sampled_from([EASY, HARD, "Why?", "你好", "x" * 9000]), st.integers(1, 12))
@CI
def test_an_ask_scores_the_same_now_and_when_it_is_an_earlier_turn(classifier, text, later):
    def score(*asks):
        return classifier.weigh(read(chat(*asks))).score

    then = classifier.weigh(read(chat("hello", text, *["bye"] * later)))

    assert read(chat("hello", text, "bye")).earlier[0] == read(chat("hello", text)).ask
    others = [score("bye")] * (later > 1)
    assert then.earlier == max(score("hello", text), score("hello"), *others)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_ends_at_the_cap(layers):
    bomb = bytes(10_000_000)
    for _ in range(layers):
        bomb = gzip.compress(bomb)

    with pytest.raises((BodyOversizedError, BodyUnparsedError)):
        read(decompress(bomb, "gzip", 1_000_000))


@given(st.binary(max_size=100), st.sampled_from(["gzip", "deflate", "x-gzip", "br", ""]))
@CI
def test_any_bytes_decompress_to_at_most_the_cap_or_are_refused(packed, encoding):
    try:
        assert len(decompress(packed, encoding, 1000)) <= 1000
    except (BodyUnparsedError, BodyOversizedError):
        return


def turns_of(part, *, turns=150, parts=16):
    return encode({"messages": [user([text_part(part)] * parts)] * turns}, ascii_only=False)


def up_to(pattern, size):
    return (pattern * (size // len(pattern) + 1))[:size]


ADVERSARIAL = {
    "one long text": lambda: chat("a " * 5_000_000),
    "one long text of escapes": lambda: chat("\x01" * 1_700_000),
    "quotes": lambda: chat('"' * 5_000_000),
    "many small turns": lambda: encode({"messages": [user("hi")] * 60_000}),
    "many nods": lambda: encode({"messages": [user("continue"), assistant("k")] * 30_000}),
    "many parts": lambda: chat([text_part("x")] * 60_000),
    "deep lists": lambda: b'{"messages": ' + b"[" * 10_000_000,
    "deep lists that close": lambda: b'{"x": ' + b"[" * 5_000_000 + b"]" * 5_000_000 + b"}",
    "deep objects": lambda: b'{"messages": ' + b'{"a":' * 2_000_000,
    "one long number": lambda: b'{"max_tokens": ' + b"9" * 10_000_000 + b', "messages": []}',
    "token ids": lambda: encode({"prompt": [1] * 3_000_000}),
    "blanks": lambda: b'{"messages":' + b" " * 10_000_000 + b"[]}",
    "tools": lambda: chat(EASY, tools=[{"x": "y" * 100}] * 60_000),
    "tags that never close": lambda: turns_of(up_to("<system-reminder ", 4000)),
    "blocks that never close": lambda: turns_of(up_to("<system-reminder>", 4000)),
    "seams before tags": lambda: turns_of(up_to(SEAM + "<a", 2700)),
    "seams before brackets": lambda: turns_of(up_to(SEAM + "<", 2700)),
    "seams before closed blocks": lambda: turns_of(up_to(SEAM + "</system-reminder>", 2700)),
    "one seam before many tags": lambda: turns_of(SEAM + up_to("<a", 4000)),
    "one character": lambda: chat("a" * 1_000_000),
    "one wide character": lambda: chat("\u6f22" * 1_000_000),
    "emoji": lambda: chat("\U0001f525" * 800_000),
    "combining marks": lambda: chat("\u0301" * 1_600_000),
    "base64": lambda: chat("QUJDREVG" * 1_200_000),
    "lone surrogates": lambda: chat("\ud800" * 1_600_000),
    "hexadecimal words": lambda: chat("0123456789abcdef" * 4 + " 9f86d081" * 1_000_000),
    "almost a nod": lambda: encode({"messages": [user("ok " * 15 + "!x")] * 40_000}),
}


@pytest.mark.parametrize("kind", ADVERSARIAL)
@pytest.mark.parametrize("endpoint", [Endpoint.CHAT, Endpoint.COMPLETIONS])
def test_ten_megabytes_made_to_hurt_are_read_or_refused_in_bounded_time(classifier, kind, endpoint):
    body = ADVERSARIAL[kind]()
    started = time.process_time()

    found = outcome(body, endpoint)
    if isinstance(found, Prompt) and found.ask:
        classifier.weigh(found)

    assert time.process_time() - started < READING_S


def test_the_work_on_a_conversation_is_bounded_however_long_it_is(monkeypatch):
    decoded = []
    count = prompt_module.excerpt
    monkeypatch.setattr(
        prompt_module, "excerpt", lambda view, most: decoded.append(1) or count(view, most)
    )

    work = []
    for turns in (200, 2000):
        decoded.clear()
        read(encode({"messages": [user([text_part("continue")] * 20)] * turns}))
        work.append(len(decoded))

    assert work[0] == work[1]

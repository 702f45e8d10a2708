"""One stream as a pure state machine: messages in, answers out, no network."""

import asyncio
import gzip
import json
import logging

import msgspec
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from unit.artifacts import UNCERTAIN, write_tiny
from unit.bodies import EASY, HARD, chat, encode, text_part, write_settings
from weighbridge import weighing as weighing_module
from weighbridge.body import BodyBuffer
from weighbridge.classifier import Complexity
from weighbridge.contract import ENDPOINT_PATHS, Endpoint, Outcome, Reason
from weighbridge.errors import ProtocolError
from weighbridge.generation import Generations
from weighbridge.logs import DecisionLog
from weighbridge.metrics import Metrics
from weighbridge.stream import Exchange
from weighbridge.tracing.tracer import Tracer
from weighbridge.weighing import RequestHead, Weighing

MODE = processing_mode_pb2.ProcessingMode
MODES = [MODE.BUFFERED, MODE.STREAMED, MODE.FULL_DUPLEX_STREAMED]
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "my diagnosis is a rare disease"


def request(**kind):
    return pb.ProcessingRequest(**kind).SerializeToString()


def headers(mode=None, *, path="/v1/chat/completions", end=False, raw=True, **more):
    pairs = {":method": "POST", ":path": path, **{k.replace("_", "-"): v for k, v in more.items()}}
    values = [
        base_pb2.HeaderValue(key=key, **{"raw_value": value.encode()} if raw else {"value": value})
        for key, value in pairs.items()
    ]
    message = pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(
            headers=base_pb2.HeaderMap(headers=values), end_of_stream=end
        )
    )
    if mode is not None:
        message.protocol_config.request_body_mode = mode
    return message.SerializeToString()


def body(content, *, end=True):
    return request(request_body=pb.HttpBody(body=content, end_of_stream=end))


TRAILERS = request(request_trailers=pb.HttpTrailers())


@pytest.fixture
def log_file(tmp_path):
    with (tmp_path / "decisions.jsonl").open("w+b") as file:
        yield file


@pytest.fixture
def make_weighing(tmp_path, log_file):
    def make(settings="{}"):
        metrics = Metrics()
        path = write_settings(tmp_path / "weighbridge.yaml", settings)
        return Weighing(
            Generations(path, None, metrics), metrics, DecisionLog("key", log_file.fileno())
        )

    return make


@pytest.fixture
def weighing(make_weighing):
    return make_weighing()


def answer(exchange, message):
    return [pb.ProcessingResponse.FromString(raw) for raw in exchange.answer(message)]


def kinds(answers):
    return [one.WhichOneof("response") for one in answers]


def decided(answers):
    """The decision headers of the one answer that carries any."""
    found = [
        {h.header.key.removeprefix("x-weighbridge-"): h.header.raw_value.decode() for h in options}
        for one in answers
        for kind in ("request_headers", "request_body")
        if one.WhichOneof("response") == kind
        and (options := getattr(one, kind).response.header_mutation.set_headers)
    ]
    assert len(found) <= 1
    return found[0] if found else None


def streamed(answers):
    return [
        one.request_body.response.body_mutation.streamed_response
        for one in answers
        if one.WhichOneof("response") == "request_body"
    ]


def total(weighing, name, **labels):
    return weighing.metrics.registry.get_sample_value(f"weighbridge_{name}", labels)


def lines(weighing, log_file):
    weighing.log.flush()
    log_file.seek(0)
    return [json.loads(line) for line in log_file.read().splitlines()]


class TestBuffered:
    """Headers answered at once, the decision on the body."""

    @pytest.mark.parametrize("mode", [MODE.BUFFERED, None])
    @pytest.mark.parametrize(("text", "tier"), [(EASY, "small"), (HARD, "large")])
    def test_the_decision_rides_on_the_answer_to_the_body(self, weighing, mode, text, tier):
        exchange = Exchange(weighing)

        first = answer(exchange, headers(mode))
        assert (kinds(first), decided(first), exchange.finished) == (
            ["request_headers"],
            None,
            False,
        )

        second = answer(exchange, body(chat(text)))
        assert kinds(second) == ["request_body"]
        assert decided(second)["tier"] == tier
        assert decided(second)["reason"] == "score"
        assert exchange.finished

    def test_trailers_after_the_body_get_their_own_answer(self, weighing):
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.BUFFERED))

        buffered = answer(exchange, body(chat(EASY), end=False))
        assert decided(buffered)["tier"] == "small"
        assert not exchange.finished

        assert kinds(answer(exchange, TRAILERS)) == ["request_trailers"]
        assert exchange.finished
        assert total(weighing, "decision_seconds_count") == 1

    def test_a_body_that_comes_on_after_the_decision_passes_unchanged(self, weighing):
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.BUFFERED))
        exchange.answer(body(chat(EASY), end=False))

        rest = answer(exchange, body(b"more"))

        assert (kinds(rest), decided(rest)) == (["request_body"], None)
        assert total(weighing, "decision_seconds_count") == 1


class TestStreamed:
    """Each chunk is answered; the decision comes with the last."""

    def test_every_chunk_is_answered_and_the_last_decides(self, weighing):
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.STREAMED))
        whole = chat(HARD)

        first = answer(exchange, body(whole[:50], end=False))
        last = answer(exchange, body(whole[50:]))

        assert (kinds(first), decided(first)) == (["request_body"], None)
        assert decided(last)["tier"] == "large"
        assert exchange.finished

    def test_a_body_that_ends_with_trailers_is_answered_without_a_mutation(self, weighing):
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.STREAMED))
        exchange.answer(body(chat(HARD), end=False))

        assert kinds(answer(exchange, TRAILERS)) == ["request_trailers"]
        assert exchange.finished

    def test_of_a_body_beyond_the_cap_no_more_is_kept(self, make_weighing):
        exchange = Exchange(make_weighing("limits: {body_bytes: 1000}"))
        exchange.answer(headers(MODE.STREAMED))

        for _ in range(100):
            exchange.answer(body(b"x" * 500, end=False))

        assert sum(map(len, exchange._body._chunks)) <= 2000


class TestFullDuplex:
    """The answer to the headers is withheld until the body is in."""

    def test_nothing_is_answered_before_the_end_and_then_all(self, weighing):
        exchange = Exchange(weighing)
        whole = chat(HARD * 1000)
        assert answer(exchange, headers(MODE.FULL_DUPLEX_STREAMED)) == []
        assert answer(exchange, body(whole[:1000], end=False)) == []

        answers = answer(exchange, body(whole[1000:]))

        assert kinds(answers) == ["request_headers"] + ["request_body"] * (len(answers) - 1)
        assert decided(answers)["tier"] == "large"
        assert b"".join(chunk.body for chunk in streamed(answers)) == whole
        assert [chunk.end_of_stream for chunk in streamed(answers)][-1]
        assert exchange.finished

    def test_trailers_end_the_body(self, weighing):
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.FULL_DUPLEX_STREAMED))
        exchange.answer(body(chat(EASY), end=False))

        answers = answer(exchange, TRAILERS)

        assert kinds(answers) == ["request_headers", "request_body", "request_trailers"]
        assert decided(answers)["tier"] == "small"
        assert not streamed(answers)[0].end_of_stream
        assert exchange.finished

    def test_trailers_without_a_body_release_the_headers(self, weighing):
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.FULL_DUPLEX_STREAMED))

        answers = answer(exchange, TRAILERS)

        assert kinds(answers) == ["request_headers", "request_trailers"]
        assert decided(answers)["reason"] == "no-body"

    def test_an_empty_body_is_ended_with_an_empty_chunk(self, weighing):
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.FULL_DUPLEX_STREAMED))

        answers = answer(exchange, body(b""))

        assert kinds(answers) == ["request_headers", "request_body"]
        assert (streamed(answers)[0].body, streamed(answers)[0].end_of_stream) == (b"", True)

    @pytest.mark.parametrize("with_trailers", [True, False])
    def test_a_body_beyond_the_cap_is_handed_through_as_it_comes(
        self, make_weighing, with_trailers
    ):
        exchange = Exchange(make_weighing("limits: {body_bytes: 1000}"))
        exchange.answer(headers(MODE.FULL_DUPLEX_STREAMED))
        assert answer(exchange, body(b"a" * 1000, end=False)) == []

        released = answer(exchange, body(b"b", end=False))
        passed = answer(exchange, body(b"c" * 70_000, end=not with_trailers))
        ended = answer(exchange, TRAILERS) if with_trailers else []

        assert decided(released)["reason"] == "oversized"
        assert decided(passed + ended) is None
        chunks = streamed(released + passed)
        assert b"".join(chunk.body for chunk in chunks) == b"a" * 1000 + b"b" + b"c" * 70_000
        assert chunks[-1].end_of_stream is not with_trailers
        assert kinds(ended) == (["request_trailers"] if with_trailers else [])
        assert exchange.finished
        assert exchange._body.take() == b""


@pytest.mark.parametrize("mode", MODES)
def test_headers_that_end_the_stream_are_decided_at_once(weighing, mode):
    exchange = Exchange(weighing)

    answers = answer(exchange, headers(mode, path="/v1/models", end=True))

    assert kinds(answers) == ["request_headers"]
    assert decided(answers) == {"tier": "small", "reason": "no-body"}
    assert exchange.finished


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["response_headers", "response_body", "response_trailers"])
def test_messages_of_the_response_pass_unchanged_at_any_time(weighing, mode, kind):
    exchange = Exchange(weighing)
    message = pb.ProcessingRequest()
    getattr(message, kind).SetInParent()
    before = answer(exchange, message.SerializeToString())
    exchange.answer(headers(mode))
    after = answer(exchange, message.SerializeToString())

    assert kinds(before) == kinds(after) == [kind]
    assert all(getattr(one, kind).ByteSize() == 0 for one in before + after)


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xff\xff",
        b"not protobuf at all",
        b"",
        request(observability_mode=True),
        b"\xfa\x07\x03abc",  # field 127, that this release of ext_proc does not have
        body(b"{}"),
        TRAILERS,
    ],
)
def test_a_stream_that_does_not_begin_with_headers_breaks_the_protocol(weighing, message):
    with pytest.raises(ProtocolError, match="expected"):
        Exchange(weighing).answer(message)


@pytest.mark.parametrize("message", [b"\xff\xff\xff", b"", b"\xfa\x07\x03abc"])
def test_an_unknown_message_later_on_breaks_it_too(weighing, message):
    exchange = Exchange(weighing)
    exchange.answer(headers(MODE.BUFFERED))

    with pytest.raises(ProtocolError):
        exchange.answer(message)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        *ENDPOINT_PATHS.items(),
        ("/v1/chat/completions?api-version=1", Endpoint.CHAT),
        ("/v1/chat/completions/", Endpoint.CHAT),
        ("/tenants/blue/v1/responses", Endpoint.RESPONSES),
        ("/v1/x/v1/embeddings", Endpoint.EMBEDDINGS),
        ("/v1/models", Endpoint.OTHER),
        ("/v2/chat/completions", Endpoint.OTHER),
        ("/chat/completions", Endpoint.OTHER),
        ("/v1/chat/completions/extra", Endpoint.OTHER),
        ("/v1/chat/completionsx", Endpoint.OTHER),
        ("/health?next=/v1/chat/completions", Endpoint.OTHER),
        ("/", Endpoint.OTHER),
        ("", Endpoint.OTHER),
    ],
)
def test_the_path_names_the_api_shape(path, endpoint):
    assert RequestHead(path=path).endpoint is endpoint


def run(weighing, content, **head):
    exchange = Exchange(weighing)
    exchange.answer(headers(MODE.BUFFERED, **head))
    return decided(answer(exchange, body(content)))


@pytest.mark.parametrize("raw", [True, False])
def test_headers_are_read_from_either_field(make_weighing, raw):
    weighing = make_weighing("policy: {honour_preference: true}")

    decision = run(weighing, chat(EASY), raw=raw, x_weighbridge_prefer=" Large ")

    assert (decision["tier"], decision["reason"]) == ("large", "preferred")


@pytest.mark.parametrize(
    ("content", "head", "reason", "tier", "outcome"),
    [
        (chat(EASY), {}, Reason.SCORE, "small", Outcome.WEIGHED),
        (chat(HARD, "and now rename x"), {}, Reason.STICKY, "large", Outcome.WEIGHED),
        (chat(EASY, model="llama-large"), {}, Reason.EXPLICIT, "large", Outcome.PASSED),
        (chat([{"type": "image_url"}]), {}, Reason.CAPABILITY, "large", Outcome.PASSED),
        (chat("x" * 60_000), {}, Reason.CONTEXT_WINDOW, "large", Outcome.WEIGHED),
        (encode({"input": HARD}), {"path": "/v1/embeddings"}, Reason.EMBEDDINGS, "small", "passed"),
        (b"", {}, Reason.NO_BODY, "small", Outcome.PASSED),
        (b"RIFF", {"path": "/v1/audio/transcriptions"}, Reason.OTHER_PATH, "small", "passed"),
        (chat(""), {}, Reason.NO_TEXT, "small", Outcome.PASSED),
        (b"not json", {}, Reason.UNPARSED, "large", Outcome.FAILED),
        (chat(EASY), {"content_encoding": "br"}, Reason.UNPARSED, "large", Outcome.FAILED),
        (chat(*["x"] * 40_000), {}, Reason.OVERSIZED, "large", Outcome.FAILED),
        (b" " * (16 * 1024 * 1024 + 1), {}, Reason.OVERSIZED, "large", Outcome.FAILED),
    ],
)
def test_each_reason_is_reached_and_counted(weighing, content, head, reason, tier, outcome):
    decision = run(weighing, content, **head)

    assert (decision["tier"], decision["reason"]) == (tier, reason)
    assert ("score" in decision) == ("decile" in decision) == (outcome == Outcome.WEIGHED)
    assert total(weighing, "decisions_total", tier=tier, reason=reason, outcome=outcome) == 1
    assert total(weighing, "body_bytes_sum") == len(content)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_a_compressed_body_is_weighed_as_the_plain_one(weighing, encoding):
    packed = run(weighing, gzip.compress(chat(HARD), mtime=0), content_encoding=encoding)

    assert packed == run(weighing, chat(HARD))


def test_failures_are_counted_by_their_class(weighing):
    run(weighing, b"not json")
    run(weighing, chat(*["x"] * 40_000))

    assert total(weighing, "failures_total", kind="unparsed") == 1
    assert total(weighing, "failures_total", kind="oversized") == 1


def test_a_bug_in_the_classifier_costs_the_request_its_weighing_and_nothing_more(
    weighing, caplog, monkeypatch
):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(type(weighing.generations.current.classifier), "weigh", broken)

    with caplog.at_level(logging.ERROR):
        decision = run(weighing, chat(SECRET))

    assert decision == {"tier": "large", "reason": "error"}
    assert total(weighing, "failures_total", kind="internal") == 1
    assert "ZeroDivisionError" in caplog.text
    assert SECRET not in caplog.text


def test_stages_are_timed_where_they_ran(weighing):
    run(weighing, chat(EASY))
    run(weighing, b"not json")

    assert total(weighing, "stage_seconds_count", stage="parse") == 1
    assert total(weighing, "stage_seconds_count", stage="classify") == 1
    assert total(weighing, "decision_seconds_count") == 2


def test_a_decision_is_logged_with_its_trace_and_a_hash_in_place_of_the_prompt(weighing, log_file):
    run(weighing, chat(HARD, SECRET), traceparent=TRACEPARENT)

    (line,) = lines(weighing, log_file)

    assert SECRET not in json.dumps(line)
    assert line["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert line["ask_hash"] == weighing.log.fingerprint(SECRET)
    assert line["ask_chars"] == len(SECRET)
    assert (line["tier"], line["reason"], line["endpoint"]) == ("large", "sticky", "chat")
    assert (line["turns"], line["generation"]) == (3, 1)
    assert line["score"] < 0.5 <= line["earlier"]


GATEWAY = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-0"


def traced(weighing, content, *, caller, spans, sample=1.0):
    weighing.tracer = Tracer(sample, spans.append)
    exchange = Exchange(weighing, caller)
    exchange.answer(headers(MODE.BUFFERED, traceparent=TRACEPARENT))
    return decided(answer(exchange, body(content)))


@pytest.mark.parametrize(("flag", "recorded"), [("1", True), ("0", False)])
def test_a_traced_decision_s_line_names_its_span(weighing, log_file, flag, recorded):
    spans = []
    traced(weighing, chat(HARD, SECRET), caller=GATEWAY + flag, spans=spans)

    (line,) = lines(weighing, log_file)
    assert line["trace_id"] == "a" * 32
    assert bool(line["span_id"]) is recorded
    assert [(span.span_id, span.parent_id) for span in spans] == [
        (line["span_id"], "b" * 16)
    ] * recorded


def test_a_span_has_the_times_of_the_stages_that_ran_and_no_word_of_the_prompt(weighing):
    spans = []
    traced(weighing, chat(HARD, SECRET), caller="", spans=spans)
    traced(weighing, b"broken " + SECRET.encode(), caller="", spans=spans)

    weighed, broken = spans
    assert {name for name in weighed.attributes if name.endswith("_seconds")} == {
        "weighbridge.parse_seconds",
        "weighbridge.classify_seconds",
    }
    assert broken.attributes["error.type"] == "unparsed"
    assert weighed.trace_id in TRACEPARENT
    assert SECRET not in repr(spans)


def test_a_fault_s_record_names_the_trace(weighing, monkeypatch, caplog):
    monkeypatch.setattr(weighing_module, "read_prompt", None)
    traced(weighing, chat(EASY), caller=GATEWAY + "1", spans=[])

    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert record.fields["trace_id"] == "a" * 32
    assert len(record.fields["span_id"]) == 16


@pytest.mark.parametrize(
    ("caller", "found"),
    [
        (GATEWAY + "1", {"trace_id": "a" * 32}),
        ("", {"trace_id": TRACEPARENT.split("-")[1]}),
    ],
)
def test_a_stream_says_which_trace_it_belongs_to(weighing, caller, found):
    exchange = Exchange(weighing, caller)
    exchange.answer(headers(MODE.BUFFERED, traceparent=TRACEPARENT))

    assert exchange.trace_fields() == found
    assert Exchange(weighing).trace_fields() == {}


@pytest.mark.parametrize("content", [b"", b"broken " + SECRET.encode(), chat("")])
def test_a_decision_without_an_ask_is_logged_without_a_hash(weighing, log_file, content):
    run(weighing, content)

    (line,) = lines(weighing, log_file)
    assert (line["ask_hash"], line["ask_chars"], line["score"]) == ("", 0, None)
    assert SECRET not in json.dumps(line)


def test_no_decision_is_logged_where_none_is_sampled(make_weighing, log_file):
    weighing = make_weighing("log: {decision_sample: 0}")
    run(weighing, chat(EASY))

    assert lines(weighing, log_file) == []
    assert total(weighing, "decision_seconds_count") == 1


def test_a_stream_takes_the_generation_that_serves_when_it_decides(make_weighing, tmp_path):
    weighing = make_weighing("policy: {threshold: 0.5}")
    exchange = Exchange(weighing)
    exchange.answer(headers(MODE.BUFFERED))
    write_settings(tmp_path / "weighbridge.yaml", "policy: {threshold: 0.0, sticky: false}")
    assert weighing.generations.refresh()

    assert decided(answer(exchange, body(chat(EASY))))["tier"] == "large"


def test_deciding_without_a_body_buffer_is_deciding_an_empty_one(weighing):
    head = RequestHead(path="/v1/chat/completions")

    nothing, empty = (weighing.begin(head, body) for body in (None, BodyBuffer(10)))

    assert nothing.decision == empty.decision
    assert weighing.finish(nothing) == weighing.finish(empty)


@pytest.mark.parametrize(
    ("content", "head", "offered"),
    [
        (chat(EASY), {}, True),
        (chat(HARD, "and now rename x"), {}, True),
        (chat("x" * 60_000), {}, True),
        (gzip.compress(chat(EASY), mtime=0), {"content_encoding": "gzip"}, True),
        (chat(EASY, model="llama-large"), {}, False),
        (chat([{"type": "image_url"}]), {}, False),
        (encode({"input": HARD}), {"path": "/v1/embeddings"}, False),
        (b"RIFF", {"path": "/v1/audio/transcriptions"}, False),
        (chat(""), {}, False),
        (b"", {}, False),
        (b"not json", {}, False),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_what_was_weighed_and_nothing_else_is_offered_to_the_capture(
    weighing, monkeypatch, content, head, offered, mode
):
    offers = []

    class Taking:
        def offer(self, settings, whole, endpoint, encoding):
            offers.append((settings, whole.whole(), endpoint, encoding))

    monkeypatch.setattr(weighing, "capture", Taking())
    exchange = Exchange(weighing)
    exchange.answer(headers(mode, **head))
    exchange.answer(body(content))

    settings = weighing.generations.current.settings.capture
    encoding = head.get("content_encoding", "")
    assert offers == ([(settings, content, Endpoint.CHAT, encoding)] if offered else [])


class Answering:
    """A refiner whose answer is known, and that keeps what it was asked."""

    def __init__(self, answer):
        self._answer = answer
        self.asked = []

    async def refine(self, classifier, bounds, prompt, complexity):
        self.asked.append((classifier, bounds, prompt, complexity))
        await asyncio.sleep(0)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


HARD_AFTER_ALL = Complexity(0.9, 0.0, "stage2", 7.0)


@pytest.fixture
def uncertain(tmp_path, make_weighing):
    """A weighing of two stages, its refiner and all that it offered to the capture."""
    model = write_tiny(tmp_path / "model", second_stage=True)

    def make(answer=HARD_AFTER_ALL, settings=""):
        weighing = make_weighing(
            f"{{classifier: {{artifact: {model}, second_stage: true}}, {settings}}}"
        )
        weighing._refiner = Answering(answer)
        weighing.capture = Taking()
        return weighing

    return make


class Taking:
    """A capture that keeps what it is offered."""

    def __init__(self):
        self.offers = []

    def offer(self, _, whole, endpoint, encoding):
        self.offers.append((whole.whole(), endpoint, encoding))


async def refined(exchange):
    return [pb.ProcessingResponse.FromString(raw) for raw in await exchange.refined()]


class TestUncertain:
    """A prompt near the threshold: the stream waits for the second stage."""

    @pytest.mark.parametrize("mode", [MODE.BUFFERED, MODE.STREAMED])
    async def test_the_answer_to_the_body_waits(self, uncertain, mode):
        exchange = Exchange(uncertain())
        exchange.answer(headers(mode))

        assert answer(exchange, body(chat(UNCERTAIN))) == []
        assert exchange.pending
        answers = await refined(exchange)

        assert exchange.pending is None
        assert kinds(answers) == ["request_body"]
        assert decided(answers) == {
            "tier": "large",
            "score": "0.900",
            "decile": "9",
            "reason": "score",
        }
        assert exchange.finished

    @pytest.mark.parametrize("with_trailers", [False, True])
    async def test_all_that_is_withheld_waits_with_it(self, uncertain, with_trailers):
        exchange = Exchange(uncertain())
        whole = chat(UNCERTAIN)
        exchange.answer(headers(MODE.FULL_DUPLEX_STREAMED))
        assert answer(exchange, body(whole, end=not with_trailers)) == []
        if with_trailers:
            assert answer(exchange, TRAILERS) == []

        assert exchange.pending
        answers = await refined(exchange)

        expected = ["request_headers", "request_body"] + ["request_trailers"] * with_trailers
        assert kinds(answers) == expected
        assert decided(answers)["tier"] == "large"
        assert b"".join(chunk.body for chunk in streamed(answers)) == whole
        assert exchange.finished

    async def test_the_second_stage_is_asked_with_all_that_it_needs(self, uncertain):
        weighing = uncertain()
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.BUFFERED))
        exchange.answer(body(chat(UNCERTAIN)))
        generation = weighing.generations.current
        await exchange.refined()

        ((classifier, bounds, prompt, complexity),) = weighing._refiner.asked
        assert classifier is generation.classifier
        assert bounds is generation.settings.classifier
        assert prompt.ask.text == UNCERTAIN
        known = classifier.weigh(prompt)
        assert known.remembered
        assert complexity == msgspec.structs.replace(known, remembered=False)
        assert complexity.stage == "stage1"

    async def test_everything_is_recorded_once_and_at_the_end(self, uncertain, log_file):
        weighing = uncertain()
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.BUFFERED))
        exchange.answer(body(chat(UNCERTAIN)))
        assert total(weighing, "decision_seconds_count") == 0
        assert lines(weighing, log_file) == []
        assert weighing.capture.offers == []

        await exchange.refined()

        assert total(weighing, "decision_seconds_count") == 1
        for stage in ("parse", "classify", "refine"):
            assert total(weighing, "stage_seconds_count", stage=stage) == 1
        assert total(weighing, "decision_seconds_sum") > total(
            weighing, "stage_seconds_sum", stage="refine"
        )
        (line,) = lines(weighing, log_file)
        assert (line["tier"], line["reason"], line["score"], line["raw"]) == (
            "large",
            "score",
            0.9,
            7.0,
        )
        assert weighing.capture.offers == [(chat(UNCERTAIN), Endpoint.CHAT, "")]

    @pytest.mark.parametrize("text", [EASY, HARD])
    async def test_what_is_certain_does_not_wait(self, uncertain, text):
        weighing = uncertain()

        assert run(weighing, chat(text))["reason"] == "score"
        assert weighing._refiner.asked == []
        assert total(weighing, "stage_seconds_count", stage="refine") == 0

    @pytest.mark.parametrize(
        ("content", "head", "reason"),
        [
            (chat(HARD, UNCERTAIN), {}, "sticky"),
            (chat(UNCERTAIN), {"x_weighbridge_prefer": "small"}, "preferred"),
            (chat([text_part(UNCERTAIN), {"type": "image_url"}]), {}, "capability"),
            (chat(UNCERTAIN, max_tokens=9000), {}, "context-window"),
            (chat(UNCERTAIN, model="gemma-small"), {}, "explicit"),
        ],
    )
    async def test_what_something_else_decides_does_not_wait(
        self, uncertain, content, head, reason
    ):
        weighing = uncertain(settings="policy: {honour_preference: true}")

        assert run(weighing, content, **head)["reason"] == reason
        assert weighing._refiner.asked == []

    async def test_without_a_refiner_the_first_stage_decides(self, uncertain):
        weighing = uncertain()
        weighing._refiner = None

        assert run(weighing, chat(UNCERTAIN))["tier"] == "small"

    async def test_a_late_answer_is_told_as_the_reason(self, uncertain):
        weighing = uncertain(Complexity(0.34, late=True))
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.BUFFERED))
        exchange.answer(body(chat(UNCERTAIN)))

        decision = decided(await refined(exchange))

        assert (decision["tier"], decision["reason"]) == ("small", "deadline")
        assert (
            total(weighing, "decisions_total", tier="small", reason="deadline", outcome="weighed")
            == 1
        )

    async def test_a_bug_while_refining_costs_the_request_its_weighing_and_nothing_more(
        self, uncertain, caplog
    ):
        weighing = uncertain(ZeroDivisionError("a bug"))
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.BUFFERED))
        exchange.answer(body(chat(UNCERTAIN)))

        with caplog.at_level(logging.ERROR):
            decision = decided(await refined(exchange))

        assert decision == {"tier": "large", "reason": "error"}
        assert total(weighing, "failures_total", kind="internal") == 1
        assert UNCERTAIN not in caplog.text

    async def test_a_swap_while_it_waits_changes_nothing_for_it(self, uncertain, tmp_path):
        weighing = uncertain(Complexity(0.4, 0.0, "stage2", 1.0))
        exchange = Exchange(weighing)
        exchange.answer(headers(MODE.BUFFERED))
        exchange.answer(body(chat(UNCERTAIN)))
        write_settings(tmp_path / "weighbridge.yaml", "policy: {threshold: 0.0}")
        assert weighing.generations.refresh()

        assert decided(await refined(exchange))["tier"] == "small"

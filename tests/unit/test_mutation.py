"""Answers to Envoy, parsed back from their bytes."""

import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from weighbridge import mutation
from weighbridge.contract import DECISION_HEADERS, Outcome, Reason
from weighbridge.policy import Decision

KINDS = (
    "request_headers",
    "request_body",
    "request_trailers",
    "response_headers",
    "response_body",
    "response_trailers",
)
WEIGHED = Decision("large", Reason.SCORE, Outcome.WEIGHED, 0.7349)
PASSED = Decision("small", Reason.NO_BODY, Outcome.PASSED)


def parse(answer):
    assert type(answer) is bytes
    return pb.ProcessingResponse.FromString(answer)


def set_headers(common):
    return {h.header.key: h.header.raw_value.decode() for h in common.header_mutation.set_headers}


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_that_changes_nothing_is_of_its_own_kind(kind):
    answer = parse(mutation.UNCHANGED[kind])

    assert answer.WhichOneof("response") == kind
    assert getattr(answer, kind).ByteSize() == 0


@pytest.mark.parametrize(
    ("make", "kind"),
    [(mutation.headers_answer, "request_headers"), (mutation.body_answer, "request_body")],
)
class TestDecisionAnswers:
    """Both carry the same mutation, each in its own kind of message."""

    @pytest.mark.parametrize(
        ("decision", "headers"),
        [
            (
                WEIGHED,
                {
                    "x-weighbridge-tier": "large",
                    "x-weighbridge-reason": "score",
                    "x-weighbridge-score": "0.735",
                    "x-weighbridge-decile": "7",
                },
            ),
            (
                Decision("small", Reason.SCORE, Outcome.WEIGHED, 0.0),
                {
                    "x-weighbridge-tier": "small",
                    "x-weighbridge-reason": "score",
                    "x-weighbridge-score": "0.000",
                    "x-weighbridge-decile": "0",
                },
            ),
            (
                Decision("large", Reason.STICKY, Outcome.WEIGHED, 1.0),
                {
                    "x-weighbridge-tier": "large",
                    "x-weighbridge-reason": "sticky",
                    "x-weighbridge-score": "1.000",
                    "x-weighbridge-decile": "9",
                },
            ),
            (PASSED, {"x-weighbridge-tier": "small", "x-weighbridge-reason": "no-body"}),
        ],
    )
    def test_the_decision_rides_in_headers(self, make, kind, decision, headers):
        answer = parse(make(decision))

        assert answer.WhichOneof("response") == kind
        assert set_headers(getattr(answer, kind).response) == headers
        assert set(headers) <= set(DECISION_HEADERS)

    def test_the_route_is_chosen_anew_and_a_clients_copy_overwritten(self, make, kind):
        common = getattr(parse(make(WEIGHED)), kind).response

        assert common.clear_route_cache
        assert {option.append_action for option in common.header_mutation.set_headers} == {
            base_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
        }

    def test_the_body_stays_as_it_is(self, make, kind):
        assert not getattr(parse(make(WEIGHED)), kind).response.HasField("body_mutation")

    def test_equal_decisions_share_their_bytes(self, make, kind):
        del kind
        alike = Decision("large", Reason.SCORE, Outcome.WEIGHED, 0.73493)

        assert make(WEIGHED) is make(alike)
        assert make(WEIGHED) != make(PASSED)

    def test_a_score_on_either_side_of_a_decile_does_not_share_them(self, make, kind):
        below, above = (
            set_headers(
                getattr(parse(make(Decision("s", Reason.SCORE, Outcome.WEIGHED, s))), kind).response
            )
            for s in (0.69996, 0.70001)
        )

        assert (below["x-weighbridge-decile"], above["x-weighbridge-decile"]) == ("6", "7")


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize(
    ("size", "chunks"), [(1, 1), (65_535, 1), (65_536, 1), (65_537, 2), (200_000, 4)]
)
def test_a_streamed_body_comes_back_whole_in_chunks_that_envoy_takes(size, chunks, end):
    body = bytes(range(256)) * (size // 256 + 1)

    answers = [
        parse(answer).request_body.response.body_mutation.streamed_response
        for answer in mutation.streamed_body_answers(body[:size], end_of_stream=end)
    ]

    assert b"".join(answer.body for answer in answers) == body[:size]
    assert len(answers) == chunks
    assert max(len(answer.body) for answer in answers) <= 64 * 1024
    assert [answer.end_of_stream for answer in answers] == [False] * (chunks - 1) + [end]


def test_an_empty_last_chunk_still_ends_the_body():
    (answer,) = mutation.streamed_body_answers(b"", end_of_stream=True)

    streamed = parse(answer).request_body.response.body_mutation.streamed_response
    assert (streamed.body, streamed.end_of_stream) == (b"", True)


def test_an_empty_chunk_in_the_middle_needs_no_answer():
    assert mutation.streamed_body_answers(b"", end_of_stream=False) == []

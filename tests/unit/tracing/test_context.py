"""W3C trace context: what a header says, and that nothing else passes for one."""

import pytest
from weighbridge.tracing.context import TraceContext, read_traceparent, trace_id

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)]
)
def test_a_header_says_trace_span_and_whether_it_is_recorded(flags, sampled):
    header = f"00-{TRACE}-{SPAN}-{flags}"

    assert read_traceparent(header) == TraceContext(TRACE, SPAN, sampled)
    assert trace_id(header) == TRACE


def test_a_later_version_may_say_more():
    assert trace_id(HEADER.replace("00-", "01-", 1) + "-more") == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-abc-def-01",
        HEADER.replace("-", " "),
        HEADER.upper(),
        HEADER + "\n",
        HEADER + "-more",
        HEADER.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        "-" * 55,
        "xx-" + "tell me about my diagnosis please " * 2,
    ],
)
def test_what_is_none_says_nothing(header):
    assert read_traceparent(header) is None
    assert trace_id(header) == ""

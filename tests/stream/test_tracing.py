"""Tracing in the life of a router: begun and ended with it, and not there unless asked for."""

import threading

import pytest
from envoy_rig.otlp_collector import otlp_collector
from unit.bodies import EASY, chat

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-00"


def exporters():
    return [thread for thread in threading.enumerate() if thread.name == "span-exporter"]


@pytest.fixture
def collector():
    with otlp_collector() as collector:
        yield collector


async def test_spans_that_wait_are_sent_before_the_router_leaves(serving, collector):
    tracing = {"enabled": True, "endpoint": collector.url, "sample": 1.0}
    async with serving(tracing=tracing) as (_, peer):
        decision = await peer.decide(chat(EASY), traceparent=TRACEPARENT)
        assert len(exporters()) == 1

    (span,) = collector.spans()
    assert (span.trace_id, span.parent_id) == (TRACE, "b7ad6b7169203331")
    assert span.attributes["weighbridge.tier"] == decision["tier"]
    assert exporters() == []


async def test_without_tracing_there_is_no_thread_and_no_tracer(serving, collector):
    async with serving(tracing={"endpoint": collector.url}) as (_, peer):
        await peer.decide(chat(EASY), traceparent=TRACEPARENT)
        assert exporters() == []

    assert collector.exports == []

import asyncio
import time

from weighbridge_lab.client import MIX
from weighbridge_lab.generator import Generator
from weighbridge_lab.ledger import Outcome, Record


class FakeClient:
    """Answers once it is told to."""

    def __init__(self, *, answering=True):
        self.asked = []
        self.first = asyncio.Event()
        self.answering = asyncio.Event()
        if answering:
            self.answering.set()

    async def ask(self, kind):
        started = time.monotonic()
        self.asked.append(kind)
        self.first.set()
        outcome = Outcome.COMPLETE
        try:
            await self.answering.wait()
        except asyncio.CancelledError:
            outcome = Outcome.ABANDONED
        return Record(kind, started, 0.0, outcome)


async def test_requests_go_out_at_the_rate_and_in_the_order_of_the_mix():
    client = FakeClient()
    ledger = await Generator(client, rate=100.0).run(0.2, grace_s=1.0)
    assert client.asked == list(MIX) * 2
    starts = [record.started - ledger.began for record in ledger.records]
    assert all(start >= number / 100 for number, start in enumerate(starts))
    assert ledger.ended - ledger.began >= 0.19
    assert not ledger.failed()


async def test_server_that_hangs_does_not_hold_up_the_next_request():
    client = FakeClient(answering=False)
    ledger = await Generator(client, rate=100.0).run(0.1, grace_s=0.0)
    assert [record.outcome for record in ledger.records] == [Outcome.ABANDONED] * 10
    assert not ledger.failed()


async def test_traffic_that_is_stopped_waits_for_what_is_going():
    client = FakeClient(answering=False)
    generator = Generator(client, rate=0.01)
    running = asyncio.create_task(generator.run(None, grace_s=30.0))
    await client.first.wait()
    generator.stop()
    client.answering.set()
    ledger = await running
    assert [record.outcome for record in ledger.records] == [Outcome.COMPLETE]
    assert generator.answered == 1


async def test_lack_of_time_to_send_shows_in_the_ledger():
    class Busy(FakeClient):
        async def ask(self, kind):
            time.sleep(0.05)  # noqa: ASYNC251 - what a busy machine does to the loop
            return await super().ask(kind)

    ledger = await Generator(Busy(), rate=100.0).run(0.03, grace_s=1.0)
    assert len(ledger.records) == 3
    assert ledger.late_s >= 0.04

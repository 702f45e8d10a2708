"""Each answer is bought once, and written down before anybody reads it."""

import asyncio

import pytest
from weighbridge.errors import LearnError
from weighbridge.learn.label.books import Books
from weighbridge.learn.label.desk import Desk
from weighbridge.learn.label.halt import Cause, Halt, HaltedError, SetAsideError
from weighbridge.learn.label.journal import Asked, Failed, Journal, Key, Paid
from weighbridge.learn.label.options import Endpoint, Price, Role, Tokens
from weighbridge.learn.label.pools import Reply
from weighbridge.learn.label.troubles import Kind, Trouble

MESSAGES = [{"role": "user", "content": "?"}]
KEY = Key("a", Role.SMALL)
REPLY = Reply("yes", "gemma-1", "stop", Tokens(5, 1_000_000), True, 0.1)
MOST = Tokens(5, 2_000_000)


class FakePool:
    """Gives the outcomes it was made with, in order."""

    role = Role.SMALL
    endpoint = Endpoint("http://pool/v1", "gemma")
    name = "the small pool"

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.asked = 0
        self.room = asyncio.Semaphore(1)

    def most(self, _):
        return MOST

    async def attempt(self, _):
        self.asked += 1
        await asyncio.sleep(0)
        return self.outcomes.pop(0)


class Entries(Journal):
    """A journal that also lists what is appended, in order."""

    entries = ()

    def append(self, entry):
        super().append(entry)
        self.entries = (*self.entries, type(entry))


class Shop:
    """A desk with its pool, journal, books and halt."""

    def __init__(self, path, *outcomes, budget=None):
        self.pool = FakePool(*outcomes)
        self.journal = Entries.open(path)
        self.journal.bind({})
        self.halt = Halt()
        self.books = Books({Role.SMALL: Price(0, 1)}, budget, self.halt)
        pools = {Role.SMALL: self.pool}
        self.desk = Desk(pools, self.journal, self.books, self.halt, patience_s=0.0)

    async def ask(self, messages=MESSAGES):
        return await self.desk.answer(KEY, messages)


@pytest.fixture
def shop(tmp_path):
    shops = []

    def make(*outcomes, **options):
        for each in shops:
            each.journal.close()
        shops[:] = [Shop(tmp_path / "journal", *outcomes, **options)]
        return shops[0]

    yield make
    for each in shops:
        each.journal.close()


async def test_an_answer_is_asked_for_written_and_charged(shop):
    made = shop(REPLY)
    paid = await made.ask()
    assert (paid.text, paid.model, paid.tokens) == ("yes", "gemma-1", REPLY.tokens)
    assert made.journal.entries[1:] == (Asked, Paid)
    assert made.books.dollars == pytest.approx(1)
    assert made.desk.bought == 1


async def test_an_answer_is_not_bought_again_in_this_run_or_the_next(shop):
    first = shop(REPLY)
    bought = await first.ask()
    assert await first.ask() == bought
    again = shop()
    assert await again.ask() == bought
    assert (first.pool.asked, again.pool.asked) == (1, 0)


async def test_an_answer_to_other_words_is_not_passed_off(shop):
    made = shop(REPLY)
    await made.ask()
    with pytest.raises(LearnError, match="'a' is not what it was"):
        await made.ask([{"role": "user", "content": "!"}])


async def test_what_was_turned_away_is_asked_again_and_costs_nothing(shop, monkeypatch):
    made = shop(Trouble(Kind.BUSY, "later"), REPLY)
    pauses = []
    monkeypatch.setattr(made.desk._patience[Role.SMALL], "pause", lambda *given: given)

    async def slept(given):
        pauses.append(given)

    monkeypatch.setattr(made.halt, "sleep", slept)
    await made.ask()
    assert pauses == [(Trouble(Kind.BUSY, "later"), 1)]
    assert made.journal.entries[1:] == (Asked, Failed, Asked, Paid)
    assert made.books.dollars == pytest.approx(1)


async def test_an_answer_lost_on_the_way_is_charged_at_most(shop):
    made = shop(Trouble(Kind.TIMEOUT, "late"))
    with pytest.raises((SetAsideError, HaltedError)):
        await made.ask()
    assert made.books.dollars == pytest.approx(2)
    assert made.journal.lost[Role.SMALL] == MOST


async def test_nothing_is_asked_once_the_run_is_halted(shop):
    made = shop(REPLY)
    made.halt.stop(Cause.INTERRUPT, "interrupted")
    with pytest.raises(HaltedError):
        await made.ask()
    assert made.pool.asked == 0


async def test_nothing_is_asked_beyond_the_budget(shop):
    made = shop(REPLY, budget=1.9)
    with pytest.raises(HaltedError):
        await made.ask()
    assert (made.pool.asked, made.halt.cause) == (0, Cause.BUDGET)


async def test_a_journal_that_cant_be_written_ends_the_run_before_more_is_asked(shop, monkeypatch):
    made = shop(REPLY)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(made.journal, "append", full)
    with pytest.raises(HaltedError, match="No space left"):
        await made.ask()
    assert (made.pool.asked, made.halt.cause) == (0, Cause.JOURNAL)

"""The budget holds whatever the servers answer."""

import asyncio
from pathlib import Path

import pytest
from weighbridge.errors import LearnError
from weighbridge.learn.label.books import Books, check_budget
from weighbridge.learn.label.halt import Cause, Halt, HaltedError
from weighbridge.learn.label.options import Endpoint, LabelOptions, Price, Role, Tokens

DOLLAR = Tokens(0, 1_000_000)
PRICES = {Role.SMALL: Price(0, 1), Role.LARGE: Price(0, 2)}


def books(budget=None, prices=PRICES):
    halt = Halt()
    return Books(prices, budget, halt), halt


def test_dollars_are_summed_over_roles():
    account, _ = books()
    account.charge(Role.SMALL, DOLLAR)
    account.charge(Role.LARGE, DOLLAR)
    assert account.dollars == pytest.approx(3)
    assert account.tokens(Role.LARGE) == DOLLAR


def test_what_has_no_price_counts_as_free():
    account, _ = books(prices={Role.SMALL: None})
    account.charge(Role.SMALL, DOLLAR)
    assert account.dollars == 0
    assert not account.priced


async def test_a_request_that_would_pass_the_budget_is_not_begun():
    account, halt = books(budget=2.5)
    account.charge(Role.SMALL, DOLLAR)
    with pytest.raises(HaltedError, match=r"budget of \$2.5"):
        async with account.reserve(Role.LARGE, DOLLAR):
            pytest.fail("it was begun")
    assert halt.cause is Cause.BUDGET


async def test_a_budget_can_be_spent_to_the_last():
    account, _ = books(budget=2)
    async with account.reserve(Role.LARGE, DOLLAR):
        account.charge(Role.LARGE, DOLLAR)
    assert account.dollars == 2


async def test_a_request_waits_for_what_is_in_flight_to_turn_out_cheaper():
    account, halt = books(budget=2)
    begun = asyncio.Event()

    async def second():
        async with account.reserve(Role.SMALL, DOLLAR):
            begun.set()

    async with account.reserve(Role.LARGE, DOLLAR):
        task = asyncio.create_task(second())
        await asyncio.sleep(0)
        assert not begun.is_set()
    await task
    assert begun.is_set()
    assert halt.cause is None


async def test_what_failed_gives_its_reserve_back():
    account, _ = books(budget=1)
    with pytest.raises(RuntimeError):
        async with account.reserve(Role.SMALL, DOLLAR):
            raise RuntimeError
    async with account.reserve(Role.SMALL, DOLLAR):
        pass


@pytest.mark.parametrize(
    ("budget", "price", "refused"), [(1, None, True), (None, None, False), (1, Price(0, 0), False)]
)
def test_a_budget_needs_prices(budget, price, refused):
    pool = Endpoint("http://pool/v1", price=price)
    priced = Endpoint("http://pool/v1", price=Price(1, 1))
    options = LabelOptions(
        prompts=Path("p"), out=Path("o"), small=priced, large=pool, budget=budget
    )
    if not refused:
        check_budget(options)
        return
    with pytest.raises(LearnError, match=r"give --large-price$"):
        check_budget(options)

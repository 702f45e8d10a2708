"""What was spent, what is about to be, and what may be: tokens by role in, dollars out.

A request is begun only if the most that it can cost still fits the budget beside all that is in
flight, so the budget holds whatever the servers answer.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from weighbridge.errors import LearnError
from weighbridge.learn.label.halt import Cause, Halt
from weighbridge.learn.label.options import LabelOptions, Price, Role, Tokens

_EPSILON = 1e-9


def check_budget(options: LabelOptions) -> None:
    """Make sure that a budget can be held.

    Raises:
        LearnError: there is a budget and no price to hold against it.
    """
    lacking = [f"--{role}-price" for role, each in options.endpoints.items() if each.price is None]
    if options.budget is not None and lacking:
        raise LearnError(f"--budget needs prices to count with: give {', '.join(lacking)}")


class Books:
    """The accounts of one journal.

    Args:
        prices: by role, for those that are asked.
        budget: dollars; None: no bound.
        halt: stopped when the budget is spent.
    """

    def __init__(
        self, prices: Mapping[Role, Price | None], budget: float | None, halt: Halt
    ) -> None:
        self._prices = prices
        self._budget = budget
        self._halt = halt
        self._spent: dict[Role, Tokens] = dict.fromkeys(Role, Tokens())
        self._reserved = 0.0
        self._changed = asyncio.Condition()

    @property
    def priced(self) -> bool:
        """At least one price is known."""
        return any(self._prices.values())

    @property
    def dollars(self) -> float:
        """Spent so far; what has no price counts as free."""
        return sum(self._dollars(role, tokens) for role, tokens in self._spent.items())

    def tokens(self, role: Role) -> Tokens:
        """Taken so far by one role."""
        return self._spent[role]

    def charge(self, role: Role, tokens: Tokens) -> None:
        """Enter what was taken."""
        self._spent[role] += tokens

    @asynccontextmanager
    async def reserve(self, role: Role, most: Tokens) -> AsyncIterator[None]:
        """Hold back the most that a request can cost while it is in flight.

        Raises:
            HaltedError: it would pass the budget, whatever the others in flight turn out to cost.
        """
        dollars = self._dollars(role, most)
        async with self._changed:
            await self._changed.wait_for(lambda: self._fits(dollars) or self._reserved <= _EPSILON)
            if not self._fits(dollars):
                raise self._halt.stop(Cause.BUDGET, self._words())
            self._reserved += dollars
        try:
            yield
        finally:
            async with self._changed:
                self._reserved -= dollars
                self._changed.notify_all()

    def _fits(self, dollars: float) -> bool:
        if self._budget is None:
            return True
        return self.dollars + self._reserved + dollars <= self._budget + _EPSILON

    def _dollars(self, role: Role, tokens: Tokens) -> float:
        price = self._prices.get(role)
        return price.dollars(tokens) if price else 0.0

    def _words(self) -> str:
        return (
            f"the budget of ${self._budget:g} is spent but for less than one more request can "
            f"cost: ${self.dollars:.4f} so far"
        )

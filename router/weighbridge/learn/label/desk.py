"""Where every answer is bought: messages in; an answer out, from the journal where it stands there.

What is asked is written down before it is sent, and what comes of it before anybody reads it.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from weighbridge.errors import LearnError
from weighbridge.learn.label.books import Books
from weighbridge.learn.label.halt import Cause, Halt
from weighbridge.learn.label.journal import Asked, Entry, Failed, Journal, Key, Paid
from weighbridge.learn.label.options import Role
from weighbridge.learn.label.patience import Patience
from weighbridge.learn.label.pools import Messages, Pool, Reply
from weighbridge.learn.label.troubles import Trouble

_HASH_CHARS = 16


class Desk:
    """Buys each answer once.

    Args:
        pools: whom to ask, by role.
        journal: what was bought, and where new answers go.
        books: what it costs.
        halt: ends the buying.
        patience_s: seconds without any answer after which a server counts as dead.
    """

    def __init__(
        self,
        pools: Mapping[Role, Pool],
        journal: Journal,
        books: Books,
        halt: Halt,
        patience_s: float,
    ) -> None:
        self.bought = 0
        self._pools = pools
        self._journal = journal
        self._books = books
        self._halt = halt
        self._patience = {role: Patience(pool, patience_s, halt) for role, pool in pools.items()}

    async def answer(self, key: Key, messages: Messages) -> Paid:
        """Give the answer to `messages`, bought now or before.

        Raises:
            LearnError: what was bought under this key answers other messages.
            HaltedError: nothing more is bought.
            SetAsideError: this one can't be had.
        """
        content = content_hash(messages)
        known = self._journal.find(key)
        if known is not None:
            return _same(known, content)
        pool = self._pools[key.role]
        async with pool.room:
            return await self._buy(pool, key, messages, content)

    async def _buy(self, pool: Pool, key: Key, messages: Messages, content: str) -> Paid:
        patience = self._patience[key.role]
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._attempt(pool, key, messages, content)
            if isinstance(outcome, Paid):
                patience.answered()
                return outcome
            await self._halt.sleep(patience.pause(outcome, attempt))

    async def _attempt(
        self, pool: Pool, key: Key, messages: Messages, content: str
    ) -> Paid | Trouble:
        self._halt.check()
        most = pool.most(messages)
        async with self._books.reserve(key.role, most):
            self._halt.check()
            self._write(Asked(key.id, key.role, most, key.step))
            outcome = await pool.attempt(messages)
            if isinstance(outcome, Reply):
                paid = _paid(key, content, outcome)
                self._write(paid)
                self._books.charge(key.role, paid.tokens)
                self.bought += 1
                return paid
            if outcome.charged:
                self._books.charge(key.role, most)
            self._write(Failed(key.id, key.role, outcome.words, outcome.charged, key.step))
            return outcome

    def _write(self, entry: Entry) -> None:
        try:
            self._journal.append(entry)
        except OSError as error:
            words = f"{self._journal.path} can't be written: {error.strerror}"
            raise self._halt.stop(Cause.JOURNAL, words) from error


def content_hash(messages: Messages) -> str:
    """A short hash of what is sent."""
    raw = msgspec.json.encode(list(messages), order="deterministic")
    return hashlib.sha256(raw).hexdigest()[:_HASH_CHARS]


def _same(known: Paid, content: str) -> Paid:
    if known.content != content:
        raise LearnError(
            f"prompt {known.id!r} is not what it was when its answer was paid for: give it a new "
            "id, or another --out"
        )
    return known


def _paid(key: Key, content: str, reply: Reply) -> Paid:
    return Paid(
        id=key.id,
        role=key.role,
        content=content,
        text=reply.text,
        model=reply.model,
        tokens=reply.tokens,
        seconds=reply.seconds,
        finish=reply.finish,
        counted=reply.counted,
        step=key.step,
    )

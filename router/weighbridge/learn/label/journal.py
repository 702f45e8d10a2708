"""What was paid for, kept before anything else is done with it: a file that only grows.

Entries in; on the next run the answers of before out. One JSON object a line: the terms of the run
first, then each request as it is sent, and what came of it. A process that is killed loses nothing
that it had received; a request without an outcome may have been charged and counts as such. The
file is locked while a run holds it.
"""

import asyncio
import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from weighbridge.errors import LearnError
from weighbridge.learn.label.options import Role, Tokens

VERSION = 1
_PRIVATE = 0o600  # answers may hold what prompts hold

Term: TypeAlias = str | int | float


class Key(NamedTuple):
    """Which request: of which prompt, to whom, and which of several to the judge."""

    id: str
    role: Role
    step: str = ""


class Terms(msgspec.Struct, frozen=True, tag_field="kind", tag="terms"):
    """What the answers of one journal have in common: models, grader, sampling."""

    version: int
    terms: dict[str, Term]


class Asked(msgspec.Struct, frozen=True, tag_field="kind", tag="asked", omit_defaults=True):
    """A request about to be sent, and the most that it can take."""

    id: str
    role: Role
    most: Tokens
    step: str = ""


class Paid(msgspec.Struct, frozen=True, tag_field="kind", tag="paid", omit_defaults=True):
    """An answer.

    Attributes:
        id: of the prompt.
        role: who answered.
        content: hash of the messages that were sent.
        text: the answer.
        model: the name that the server gave itself.
        tokens: what it took.
        seconds: from sending the request to the end of the answer.
        finish: the server's reason for the end.
        counted: the server counted the tokens; otherwise they are estimated.
        step: which of several requests to the judge.
    """

    id: str
    role: Role
    content: str
    text: str
    model: str
    tokens: Tokens
    seconds: float
    finish: str = ""
    counted: bool = True
    step: str = ""


class Failed(msgspec.Struct, frozen=True, tag_field="kind", tag="failed", omit_defaults=True):
    """A request without an answer; `charged`: it may have been paid for all the same."""

    id: str
    role: Role
    why: str
    charged: bool = False
    step: str = ""


Entry: TypeAlias = Terms | Asked | Paid | Failed

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


class Journal:
    """An open journal. Use `open`, and `close` in the end.

    Attributes:
        path: where it lies.
        terms: what it is bound to; None while it is new.
        lost: the most that requests without an answer may have taken, by role.
        repaired: bytes of a half-written line that were cut off.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.terms: Mapping[str, Term] | None = None
        self.lost: dict[Role, Tokens] = dict.fromkeys(Role, Tokens())
        self.repaired = 0
        self._descriptor = descriptor
        self._paid: dict[Key, Paid] = {}
        self._open: dict[Key, Tokens] = {}
        self._unsynced = False

    @classmethod
    def open(cls, path: Path) -> "Journal":
        """Open or create, lock, mend the last line, and read what was paid for.

        Raises:
            LearnError: another run holds it, it can't be read, or a line is damaged.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _PRIVATE)
        except OSError as error:
            raise LearnError(f"{path}: can't be opened: {error.strerror}") from error
        journal = cls(path, descriptor)
        try:
            journal._lock()
            journal._read()
        except BaseException:
            os.close(descriptor)
            raise
        return journal

    def bind(self, terms: Mapping[str, Term]) -> None:
        """Make sure that the answers of before were made on these terms; a new file takes them.

        Raises:
            LearnError: naming each term that differs.
        """
        if self.terms is None:
            self.append(Terms(VERSION, dict(terms)))
            return
        names = sorted({*terms, *self.terms})
        differing = [
            f"  {name}: the journal has {self.terms.get(name, 'none')}, "
            f"this run {terms.get(name, 'none')}"
            for name in names
            if terms.get(name) != self.terms.get(name)
        ]
        if differing:
            raise LearnError(
                f"{self.path} was made by a run with other settings:\n"
                + "\n".join(differing)
                + "\nGive those settings to go on with it, or another --out to begin anew "
                "(and to pay anew)"
            )

    def find(self, key: Key) -> Paid | None:
        """Look up what was paid for."""
        return self._paid.get(key)

    @property
    def paid(self) -> Mapping[Key, Paid]:
        """All that was paid for."""
        return self._paid

    def append(self, entry: Entry) -> None:
        """Write one entry; once this returns, a kill of the process doesn't lose it.

        Raises:
            OSError: it could not be written whole; nothing of it stays.
        """
        size = os.fstat(self._descriptor).st_size
        line = _encode(entry) + b"\n"
        try:
            written = os.write(self._descriptor, line)
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size)
            raise
        self._unsynced = True
        self._note(entry)

    async def keep_synced(self, every_s: float) -> None:
        """Bring to the disk what was appended, time and again, so that a power cut loses little."""
        while True:
            await asyncio.sleep(every_s)
            if self._unsynced:
                self._unsynced = False
                await asyncio.to_thread(os.fsync, self._descriptor)

    def close(self) -> None:
        """Bring all to the disk and let go of the lock."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LearnError(
                f"{self.path} is in use by another run: wait for its end, or give another --out"
            ) from error

    def _read(self) -> None:
        raw = self.path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        for number, line in enumerate(raw[:whole].splitlines(), 1):
            try:
                self._take(_decode(line), number)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise LearnError(
                    f"{self.path}:{number}: {error}: the file was damaged after it was written; "
                    "delete the line to go on without what it held"
                ) from error
        if whole < len(raw):
            self._mend(raw[whole:], whole)
        for key, most in self._open.items():
            self.lost[key.role] += most
        self._open.clear()

    def _mend(self, last: bytes, whole: int) -> None:
        """Complete a last line that lacks its end only; cut off one that lacks more."""
        try:
            entry = _decode(last)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            os.ftruncate(self._descriptor, whole)
            self.repaired = len(last)
        else:
            os.write(self._descriptor, b"\n")
            self._take(entry, 0)

    def _take(self, entry: Entry, number: int) -> None:
        if isinstance(entry, Terms):
            if entry.version != VERSION:
                raise LearnError(
                    f"{self.path}: expected a journal of version {VERSION}, came "
                    f"{entry.version}: use the weighbridge that made it, or another --out"
                )
        elif self.terms is None:
            raise LearnError(
                f"{self.path}:{number}: expected the terms of a run first: this is no journal of "
                "`weighbridge learn label`; give another --out"
            )
        self._note(entry)

    def _note(self, entry: Entry) -> None:
        if isinstance(entry, Terms):
            self.terms = entry.terms
            return
        key = Key(entry.id, entry.role, entry.step)
        if isinstance(entry, Asked):
            self._settle(key, charged=True)
            self._open[key] = entry.most
        elif isinstance(entry, Paid):
            self._settle(key, charged=False)
            self._paid[key] = entry
        else:
            self._settle(key, charged=entry.charged)

    def _settle(self, key: Key, *, charged: bool) -> None:
        most = self._open.pop(key, None)
        if charged and most is not None:
            self.lost[key.role] += most

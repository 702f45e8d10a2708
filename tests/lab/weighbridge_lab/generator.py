"""Sends requests at a constant rate, an open loop: a slow answer does not hold up the next request.

In: a target, a rate and, if it is to end by itself, a duration. Out: a ledger. It ends early on
SIGINT or SIGTERM; what is still going then has some seconds to end, and is abandoned after them.
"""

import asyncio
import itertools
import signal
import time
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from weighbridge_lab.client import MIX, Client, Target
from weighbridge_lab.ledger import Kind, Ledger, Outcome, Record

FAILED = 1
"""Status of the process where a request failed."""
_TOLD_EVERY_S = 0.1


class Generator:
    """One traffic, from its first request to its ledger."""

    def __init__(self, client: Client, rate: float) -> None:
        self._client = client
        self._rate = rate
        self._running: set[asyncio.Task[Record]] = set()
        self._records: list[Record] = []
        self._late_s = 0.0
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    @property
    def answered(self) -> int:
        """How many answers were complete so far."""
        return sum(record.outcome is Outcome.COMPLETE for record in self._records)

    async def run(self, seconds: float | None, grace_s: float) -> Ledger:
        """Send for `seconds`, or until it is stopped; wait `grace_s` for what is going then."""
        began = time.monotonic()
        sending = asyncio.create_task(self._send(began, seconds))
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait((sending, stopped), return_when=asyncio.FIRST_COMPLETED)
        ended = time.monotonic()
        for task in (sending, stopped):
            task.cancel()
        await self._drain(grace_s)
        return Ledger(self._rate, began, ended, self._late_s, self._records)

    async def _send(self, began: float, seconds: float | None) -> None:
        for number, kind in enumerate(itertools.cycle(MIX)):
            due = number / self._rate
            if seconds is not None and due >= seconds:
                return
            # Also where it is late already: those that were sent want their turn.
            await asyncio.sleep(max(began + due - time.monotonic(), 0.0))
            self._late_s = max(self._late_s, time.monotonic() - began - due)
            self._ask(kind)

    def _ask(self, kind: Kind) -> None:
        task = asyncio.create_task(self._client.ask(kind))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Record]) -> None:
        self._running.discard(task)
        if not task.cancelled():  # else it was abandoned before it was sent
            self._records.append(task.result())

    async def _drain(self, grace_s: float) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        abandoned = list(self._running)
        for task in abandoned:
            task.cancel()
        await asyncio.gather(*abandoned, return_exceptions=True)


async def generate(
    target: Target, *, rate: float, seconds: float | None, grace_s: float, counting: bool = False
) -> Ledger:
    """Run traffic until its time is over or a signal ends it.

    `counting` prints the number of complete answers several times a second, first a zero.
    """
    client = Client(target)
    generator = Generator(client, rate)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, generator.stop)
    counter = asyncio.create_task(_count(generator)) if counting else None
    try:
        return await generator.run(seconds, grace_s)
    finally:
        if counter:
            counter.cancel()
        await client.close()


async def _count(generator: Generator) -> None:
    try:
        while True:
            print(generator.answered, flush=True)  # noqa: T201 - read by `Traffic`
            await asyncio.sleep(_TOLD_EVERY_S)
    except BrokenPipeError:  # whoever started this is gone
        generator.stop()


def command(
    url: Annotated[str, typer.Option(help="Of the endpoint, without /v1.")],
    rate: Annotated[float, typer.Option(min=0.01, help="Requests a second.")] = 50.0,
    seconds: Annotated[
        float | None, typer.Option(min=0.0, show_default="until Ctrl-C", help="For how long.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="File for the ledger.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="As in 'host: llm.example'.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Length of answers.")] = 16,
    timeout: Annotated[float, typer.Option(help="Seconds that a request may take.")] = 30.0,
    grace: Annotated[float, typer.Option(help="Seconds for open requests at the end.")] = 10.0,
    cacert: Annotated[Path | None, typer.Option(help="CA of the endpoint's certificate.")] = None,
    server_name: Annotated[str | None, typer.Option(help="Name in the certificate.")] = None,
    counting: Annotated[bool, typer.Option("--counting", hidden=True)] = False,
) -> None:
    """Send easy and hard prompts, streamed and not, and say what became of each."""
    target = Target(
        url=url,
        headers=_headers(header or []),
        max_tokens=max_tokens,
        timeout_s=timeout,
        authority=cacert,
        server_name=server_name,
    )
    running = generate(target, rate=rate, seconds=seconds, grace_s=grace, counting=counting)
    ledger = uvloop.run(running)
    if json:
        ledger.write(json)
    typer.echo(ledger.summary(), err=True)
    raise typer.Exit(FAILED if ledger.failed() else 0)


def _headers(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise typer.BadParameter(f"expected 'name: value', got {line!r}")
        headers[name.strip().lower()] = value.strip()
    return headers


def main() -> None:
    """Run the command."""
    typer.run(command)

"""One run's work: prompts in; labels, and what is left without one, out."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from weighbridge.errors import LearnError
from weighbridge.learn.label.graders import UngradedError
from weighbridge.learn.label.halt import Cause, Halt, HaltedError, SetAsideError
from weighbridge.learn.label.journal import Journal
from weighbridge.learn.label.labeller import Labeller
from weighbridge.learn.label.screen import Screen
from weighbridge.learn.label.summary import Outcome
from weighbridge.learn.records import LabelLine, PromptLine

_SYNC_S = 1.0


class Shift:
    """The labels of one run as they come.

    Args:
        labeller: makes them.
        halt: ends the run.
        screen: is told of each.
    """

    def __init__(self, labeller: Labeller, halt: Halt, screen: Screen) -> None:
        self._labeller = labeller
        self._halt = halt
        self._screen = screen
        self._labels: dict[str, LabelLine] = {}
        self._aside: dict[str, str] = {}
        self._ungraded: dict[str, str] = {}

    async def work(self, prompts: Sequence[PromptLine], workers: int, journal: Journal) -> None:
        """Label `prompts`, up to `workers` at once, until all are done or the run is halted."""
        queue = iter(prompts)
        syncing = asyncio.create_task(journal.keep_synced(_SYNC_S))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(workers, len(prompts))):
                    group.create_task(self._worker(queue))
        finally:
            syncing.cancel()
            with suppress(asyncio.CancelledError):
                await syncing

    async def harvest(self, prompts: Sequence[PromptLine]) -> None:
        """Label what needs no more buying: what earlier runs, or a halted one, left complete."""
        self._halt.stop(Cause.DONE, "")
        for prompt in prompts:
            if prompt.id not in self._labels and prompt.id not in self._ungraded:
                with suppress(HaltedError, SetAsideError):
                    await self._label(prompt)

    def outcome(self, prompts: Sequence[PromptLine], bought: int) -> Outcome:
        """What came of each prompt."""
        labels = [self._labels[each.id] for each in prompts if each.id in self._labels]
        return Outcome(len(prompts), labels, self._aside, self._ungraded, bought)

    async def _worker(self, queue: Iterator[PromptLine]) -> None:
        for prompt in queue:
            try:
                await self._label(prompt)
            except HaltedError:
                return
            except SetAsideError as error:
                self._aside[prompt.id] = str(error)
            self._screen.advance()

    async def _label(self, prompt: PromptLine) -> None:
        try:
            self._labels[prompt.id] = await self._labeller.label(prompt)
        except UngradedError as error:
            self._ungraded[prompt.id] = str(error)
        except LearnError as error:
            raise self._halt.stop(Cause.CHANGED, str(error)) from error


@contextmanager
def halted_by_signals(halt: Halt, screen: Screen) -> Iterator[None]:
    """Let the first Ctrl-C end the buying, and the second all; SIGTERM likewise."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def on_signal() -> None:
        if halt.cause is not None and task is not None:
            task.cancel()
            return
        halt.stop(Cause.INTERRUPT, "interrupted")
        screen.say("stopping: waits for the answers in flight, once more leaves at once")

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)

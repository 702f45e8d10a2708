"""An uncertain prompt in, the second stage's answer out, off the event loop and within a deadline.

The second stage computes for milliseconds, in threads; the event loop waits without standing still.
What comes too late, or finds too many before it, keeps the first stage's answer and is marked
`late`. A fault in the second stage costs no request anything but the second look.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from weighbridge.classifier import Classifier, Complexity
from weighbridge.prompt import Prompt
from weighbridge.settings import Classifier as Bounds

_log = logging.getLogger(__name__)


class Refiner:
    """Asks second stages. It outlives generations: classifier and bounds come with each request.

    Args:
        count_failure: told the label of each fault of a second stage; any thread may call it.
    """

    def __init__(self, count_failure: Callable[[str], None]) -> None:
        self._count_failure = count_failure
        self._executor: ThreadPoolExecutor | None = None
        self._workers = 0
        self._asked: list[Future[Complexity]] = []
        self._faulty: Classifier | None = None
        self._closed = False

    async def refine(
        self, classifier: Classifier, bounds: Bounds, prompt: Prompt, complexity: Complexity
    ) -> Complexity:
        """Judge a prompt again.

        Args:
            classifier: which has a second stage.
            bounds: deadline, queue and number of threads.
            prompt: what was read.
            complexity: what the first stage said of it.

        Returns:
            The second stage's answer; the first one's, marked late, where there was no time or no
            room; the first one's as it is where the second stage failed.
        """
        asked = self._submit(classifier, bounds, prompt, complexity)
        if asked is None:
            return msgspec.structs.replace(complexity, late=True)
        answer = asyncio.wrap_future(asked)
        try:
            await asyncio.wait((answer,), timeout=bounds.deadline_ms / 1000)
            if answer.done() and not answer.cancelled():
                return answer.result()
        finally:
            # What has not begun by now never will. What has begun is kept for the turns to come.
            asked.cancel()
            answer.cancel()
        return msgspec.structs.replace(complexity, late=True)

    def close(self) -> None:
        """Take no more; what is being computed ends by itself."""
        self._closed = True
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _submit(
        self, classifier: Classifier, bounds: Bounds, prompt: Prompt, complexity: Complexity
    ) -> Future[Complexity] | None:
        self._asked = [asked for asked in self._asked if not asked.done()]
        if self._closed or len(self._asked) >= bounds.queue:
            return None
        executor = self._executor_of(bounds.workers)
        asked = executor.submit(self._look_again, classifier, prompt, complexity)
        self._asked.append(asked)
        return asked

    def _executor_of(self, workers: int) -> ThreadPoolExecutor:
        """The threads; others where a new generation wants another number of them."""
        if self._executor is None or workers != self._workers:
            if self._executor is not None:
                self._executor.shutdown(wait=False)
            self._executor = ThreadPoolExecutor(workers, "stage2")
            self._workers = workers
        return self._executor

    def _look_again(
        self, classifier: Classifier, prompt: Prompt, complexity: Complexity
    ) -> Complexity:
        try:
            return classifier.refine(prompt, complexity)
        except Exception as error:  # noqa: BLE001 - the first stage's answer is as good as it was
            self._count_failure("internal")
            if classifier is not self._faulty:
                self._faulty = classifier
                # Its words may quote the prompt.
                name = type(error).__name__
                _log.error("stage 2 of %s fails, stage 1 decides: %s", classifier.name, name)
            return complexity

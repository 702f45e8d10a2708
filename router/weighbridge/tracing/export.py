"""Finished spans in, exports to the collector out; by a thread, from a bounded queue.

The event loop appends to a queue and waits for nothing. A collector that is slow, gone or refuses
costs spans, which are counted, and nothing else.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from weighbridge.contract import SpanResult
from weighbridge.tracing.collector import Collector, CollectorError
from weighbridge.tracing.span import Span, Value, exported

_log = logging.getLogger(__name__)
_EXPORT_S = 1.0
_BATCH = 512
_TELL_S = 600.0
"""Between two log lines about one trouble: the counter has the number, the log the reason."""
_LAST_EXPORT_S = 2.0

Count = Callable[[SpanResult, int], None]


class SpanExporter:
    """Takes spans without waiting; a thread sends them each second.

    Args:
        collector: where to.
        resource: what the spans are of.
        queue: most spans that wait.
        count: told what became of them; called from two threads.
    """

    def __init__(
        self, collector: Collector, resource: Mapping[str, Value], queue: int, count: Count
    ) -> None:
        self._collector = collector
        self._resource = resource
        self._most = queue
        self._count = count
        self._spans: deque[Span] = deque()
        self._stopped = threading.Event()
        self._told = float("-inf")
        self._sender = threading.Thread(target=self._send_on, name="span-exporter", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._sender.start()

    def offer(self, span: Span) -> None:
        """Take a span, or count it as lost where too many wait."""
        if len(self._spans) >= self._most:
            self._count(SpanResult.QUEUE_FULL, 1)
            return
        self._spans.append(span)

    def close(self) -> None:
        """Send what has gathered and stop; waits two seconds at most."""
        self._stopped.set()
        self._sender.join(_LAST_EXPORT_S)

    def flush(self) -> None:
        """Send what has gathered; never raises."""
        while batch := self._taken():
            try:
                refused = min(self._collector.send(exported(self._resource, batch)), len(batch))
            except CollectorError as error:
                result = SpanResult.REFUSED if error.refused else SpanResult.UNSENT
                self._count(result, len(batch))
                self._tell(str(error))
            else:
                self._count(SpanResult.REFUSED, refused)
                self._count(SpanResult.SENT, len(batch) - refused)

    def _taken(self) -> list[Span]:
        return [self._spans.popleft() for _ in range(min(_BATCH, len(self._spans)))]

    def _tell(self, reason: str) -> None:
        if time.monotonic() - self._told < _TELL_S:
            return
        self._told = time.monotonic()
        _log.warning("spans are lost: the collector at tracing.endpoint took none: %s", reason)

    def _send_on(self) -> None:
        while not self._stopped.wait(_EXPORT_S):
            self.flush()
        self.flush()
        self._collector.close()

"""Whether requests are taken: not before start-up is over, not once draining has begun."""

import asyncio


class Readiness:
    """The state behind /health. Made and used on a single event loop.

    Args:
        startup_seconds: time from now until ready.
    """

    def __init__(self, startup_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._opens_at = self._loop.time() + startup_seconds
        self._drains = False

    @property
    def is_ready(self) -> bool:
        """True while requests are taken."""
        return not self._drains and self._loop.time() >= self._opens_at

    def postpone(self, seconds: float) -> None:
        """Not ready for `seconds` from now, if that is later than it is already."""
        self._opens_at = max(self._opens_at, self._loop.time() + seconds)

    def drain(self) -> None:
        """Never ready again."""
        self._drains = True

    async def wait(self) -> None:
        """Return once ready for the first time."""
        while (left := self._opens_at - self._loop.time()) > 0:  # noqa: ASYNC110  # may move on
            await asyncio.sleep(left)

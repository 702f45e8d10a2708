"""Traffic for tests of faults: requests at a constant rate, whatever becomes of those before.

It runs in a process of its own, so that a test that waits for kubectl does not hold it up::

    with Traffic(lab.gateway, rate=200) as traffic:
        traffic.until_answered(100)
        lab.kubectl("delete", "pod", ...)
    assert not traffic.ledger.retriable(), traffic.ledger.summary()

`async with` does the same. By hand: ``python -m weighbridge_lab.traffic --url http://...``.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from weighbridge_lab.errors import LabError
from weighbridge_lab.generator import FAILED, main
from weighbridge_lab.ledger import Ledger

_START_S: Final = 30.0
_STOP_MARGIN_S: Final = 10.0


class Traffic:
    """Traffic while a block runs.

    Args:
        url: of the endpoint, without /v1.
        rate: requests a second.
        headers: sent with each request.
        max_tokens: length of answers, and so of streams.
        timeout_s: that a request may take.
        grace_s: that open requests have at the end of the block.
        authority: file of the CA that signed the endpoint's certificate.
        server_name: that this certificate must name.
    """

    def __init__(
        self,
        url: str,
        *,
        rate: float = 50.0,
        headers: Mapping[str, str] | None = None,
        max_tokens: int = 16,
        timeout_s: float = 30.0,
        grace_s: float = 10.0,
        authority: Path | None = None,
        server_name: str | None = None,
    ) -> None:
        self._grace_s = grace_s
        self._options = [
            f"--url={url}",
            f"--rate={rate}",
            f"--max-tokens={max_tokens}",
            f"--timeout={timeout_s}",
            f"--grace={grace_s}",
            *(f"--header={name}: {value}" for name, value in (headers or {}).items()),
            *([f"--cacert={authority}"] if authority else []),
            *([f"--server-name={server_name}"] if server_name else []),
        ]
        self._changed = threading.Condition()
        self._answered = -1
        self._over = False
        self._ledger: Ledger | None = None

    @property
    def ledger(self) -> Ledger:
        """What became of all requests.

        Raises:
            LabError: the traffic has not ended yet.
        """
        if self._ledger is None:
            raise LabError("the ledger is there when the traffic has ended, after its `with` block")
        return self._ledger

    @property
    def answered(self) -> int:
        """How many complete answers had come a moment ago."""
        return max(self._answered, 0)

    def until_answered(self, count: int = 1, timeout_s: float = 30.0) -> None:
        """Wait, blocking, until there are so many more complete answers than now.

        Raises:
            LabError: there weren't in time, or the traffic has ended.
        """
        self._until(self.answered + count, timeout_s)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="weighbridge-traffic-"))
        with (self._folder / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "weighbridge_lab.traffic"),
                    *(*self._options, "--counting", f"--json={self._folder / 'ledger'}"),
                ],
                stdout=subprocess.PIPE,
                stderr=errors,
                # A Ctrl-C in the terminal is for the test, which then ends the traffic.
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._until(0, _START_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.send_signal(signal.SIGINT)
            code = self._process.wait(self._grace_s + _STOP_MARGIN_S)
            if code not in {0, FAILED}:
                raise self._died()
            self._ledger = Ledger.read(self._folder / "ledger")
        except subprocess.TimeoutExpired:
            raise LabError("the traffic's process did not end when it was told to") from None
        finally:
            self._end()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.__exit__)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._set(int(line))
        self._set(None)

    def _set(self, answered: int | None) -> None:
        with self._changed:
            self._over = answered is None
            if answered is not None:
                self._answered = answered
            self._changed.notify_all()

    def _until(self, count: int, timeout_s: float) -> None:
        def over() -> bool:
            return self._over or self._answered >= count

        with self._changed:
            in_time = self._changed.wait_for(over, timeout_s)
            answered = self._answered
        if answered >= count:
            return
        if in_time:
            raise self._died()
        raise LabError(f"expected {count} answers within {timeout_s:.0f} s, came {answered}")

    def _died(self) -> LabError:
        words = (self._folder / "errors").read_text(encoding="utf-8").strip()
        return LabError(f"the traffic's process ended by itself:\n{words}")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)


if __name__ == "__main__":
    main()

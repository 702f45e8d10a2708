"""Weighed prompts, drawn by the operator's share, into local files for `weighbridge learn`.

The event loop only puts the bytes of a body into a bounded queue; a thread reads, redacts and
writes them. Nothing reaches the disk before it went through redaction, and what fails on the way is
counted and forgotten. Each body brings the settings of its own generation, so that a reload takes
effect with the next request. Off (`capture.folder` null), there is no thread and nothing is taken.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.body import BodyBuffer, decompress
from weighbridge.contract import CaptureResult, Endpoint
from weighbridge.errors import BodyOversizedError, BodyUnparsedError
from weighbridge.logs import is_sampled
from weighbridge.redaction import Hook, load_hook, redact
from weighbridge.settings import Capture as CaptureSettings
from weighbridge.settings import Settings
from weighbridge.spool import Spool, prepare_folder
from weighbridge.transcript import Message, read_transcript

_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_WRITE_S = 0.2
_SWEEP_S = 10.0
_TELL_S = 600.0
"""Between two log lines about one trouble: the counter has the number, the log the reason."""
_MOST_BYTES = 8 * 1024 * 1024
"""Of bodies waiting. A writer that falls behind loses prompts, not the router's memory."""


class _Taken(msgspec.Struct, frozen=True, gc=False):
    """One body on its way to the disk."""

    settings: CaptureSettings
    folder: Path
    body: bytes
    endpoint: Endpoint
    encoding: str


class _HookError(Exception):
    """The operator's hook raised, or gave something else than a text or None."""


class Capture:
    """Takes bodies without waiting; a thread writes what may be kept of them.

    Args:
        count: told what became of each prompt that was drawn; called from two threads.
        clock: seconds since 1970.
    """

    def __init__(
        self, count: Callable[[CaptureResult], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._count = count
        self._clock = clock
        self._queue: deque[_Taken] = deque()
        # Each is written by one thread alone, so that their difference needs no lock.
        self._bytes_in = self._bytes_out = 0
        self._spools: dict[Path, Spool] = {}
        self._hooks: dict[str, Hook] = {}
        self._told: dict[str, float] = {}
        self._next_sweep = 0.0
        self._stopped = threading.Event()
        self._writer = threading.Thread(target=self._write_on, name="capture", daemon=True)

    def prepare(self, settings: Settings) -> None:
        """Make ready for a generation of settings before it serves.

        A folder that a later generation no longer names is still held to its bounds of age and
        number until the router ends.

        Raises:
            SettingsError: if its folder can't be used, or its hook not be found.
        """
        wanted = settings.capture
        if wanted.folder is None:
            return
        if wanted.redact_hook:
            self._hooks[wanted.redact_hook] = load_hook(wanted.redact_hook)
        prepare_folder(wanted.folder)
        spool = self._spools.setdefault(wanted.folder, Spool(wanted.folder, wanted, self._clock))
        spool.bounds = wanted
        if not self._writer.is_alive():
            self._writer.start()

    def offer(
        self, settings: CaptureSettings, body: BodyBuffer, endpoint: Endpoint, encoding: str
    ) -> None:
        """Take a weighed body if it is one of the share; on the event loop, in microseconds."""
        if settings.folder is None or not is_sampled(settings.sample):
            return
        if body.size > settings.prompt_bytes:
            self._count(CaptureResult.TOO_LONG)
        elif self._bytes_in - self._bytes_out + body.size > _MOST_BYTES:
            self._count(CaptureResult.QUEUE_FULL)
        else:
            self._bytes_in += body.size
            self._queue.append(_Taken(settings, settings.folder, body.whole(), endpoint, encoding))

    def close(self) -> None:
        """Write what has gathered and stop; waits a few seconds at most."""
        self._stopped.set()
        if self._writer.is_alive():
            self._writer.join(_LEAVE_S)

    def flush(self) -> None:
        """Write what has gathered, and delete what is due."""
        for _ in range(len(self._queue)):
            taken = self._queue.popleft()
            self._bytes_out += len(taken.body)
            self._count(self._keep(taken))
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + _SWEEP_S
            self._sweep()

    def _write_on(self) -> None:
        while True:
            stopping = self._stopped.wait(_WRITE_S)
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001 - the next prompts are worth a try
                self._tell("the writer stumbled over", type(error).__name__)
            if stopping:
                break
        for spool in self._spools.values():
            spool.close()

    def _sweep(self) -> None:
        for spool in list(self._spools.values()):
            try:
                spool.sweep()
            except OSError as error:
                self._tell("old prompts can't be deleted from", f"{spool.folder}: {error.strerror}")

    def _keep(self, taken: _Taken) -> CaptureResult:
        """Bring one body to the disk. No exception's words are logged: they may hold the prompt."""
        try:
            plain = decompress(taken.body, taken.encoding, taken.settings.prompt_bytes)
            transcript = read_transcript(plain, taken.endpoint)
            if transcript.has_media or not transcript.messages:
                return CaptureResult.NOT_TEXT
            messages = self._redacted(taken.settings, transcript.messages)
            if messages is None:
                return CaptureResult.WITHHELD
            return self._write(taken, _encode(_prompt_line(messages)) + b"\n")
        except BodyOversizedError:
            return CaptureResult.TOO_LONG
        except (BodyUnparsedError, UnicodeError):
            return CaptureResult.UNREADABLE
        except _HookError as error:
            self._tell("capture.redact_hook failed, such prompts are not kept", str(error))
            return CaptureResult.HOOK_FAILED

    def _redacted(
        self, settings: CaptureSettings, messages: tuple[Message, ...]
    ) -> list[Message] | None:
        """What may be kept of the messages; None if the hook says that nothing may.

        The hook comes first, since it may know names by what stands around them; the rules see what
        it left.
        """
        hook = self._hooks[settings.redact_hook] if settings.redact_hook else None
        kept = []
        for message in messages:
            text = message.content if hook is None else _through(hook, message.content)
            if text is None:
                return None
            kept.append(Message(message.role, redact(text) if settings.redact else text))
        return kept

    def _write(self, taken: _Taken, line: bytes) -> CaptureResult:
        if len(line) > taken.settings.file_bytes:
            return CaptureResult.TOO_LONG
        try:
            self._spools[taken.folder].write(line)
        except OSError as error:
            self._tell("prompts can't be written to", f"{taken.folder}: {error.strerror}")
            return CaptureResult.UNWRITTEN
        return CaptureResult.KEPT

    def _tell(self, what: str, detail: str) -> None:
        """Log a trouble, but not each time that it comes."""
        now = time.monotonic()
        if now >= self._told.get(what, 0.0):
            self._told[what] = now + _TELL_S
            _log.error("capture: %s %s; requests are served as ever", what, detail)


_LEAVE_S = 2.0


def _through(hook: Hook, text: str) -> str | None:
    try:
        kept: Any = hook(text)
    except BaseException as error:  # noqa: BLE001 - sys.exit() would end the writer in silence
        raise _HookError(f"with {type(error).__name__}") from None
    if kept is not None and not isinstance(kept, str):
        raise _HookError(f"with a {type(kept).__name__} where a str or None was expected")
    return kept


def _prompt_line(messages: list[Message]) -> dict[str, Any]:
    """As `learn.records.PromptLine` has it."""
    if len(messages) == 1:
        return {"prompt": messages[0].content}
    return {"messages": messages}

"""The router's decision log in, the weighed requests of it out, as arrays.

A log is what the router writes to standard output: JSON lines, decisions among others. What is no
weighed decision is passed over and counted. Raw scores of two artifacts can't be compared, so lines
that another artifact is known to have weighed are left out.
"""

import gzip
import sys
import zlib
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Final

import msgspec
import numpy as np

from weighbridge.calibration import MOST_RAW, Calibration, Floats
from weighbridge.contract import Reason
from weighbridge.errors import RecordError

ANNOUNCEMENT: Final = "generation in service"
"""The message by which a router says which artifact serves from now on."""

_STDIN = Path("-")
_BY_THRESHOLD = frozenset({Reason.SCORE, Reason.STICKY, Reason.DEADLINE})


class LogLine(msgspec.Struct, gc=False):
    """What is read of one line; see `logs.DecisionLine`."""

    event: str = ""
    message: str = ""
    artifact: str = ""
    generation: int = 0
    threshold: float | None = None
    ts: float = 0.0
    tier: str = ""
    reason: str = ""
    body_bytes: int = 0
    score: float | None = None
    raw: float | None = None
    earlier: float | None = None

    def is_sane(self) -> bool:
        """Whether the numbers are such as a router writes."""
        scores = (self.score or 0.0, self.earlier or 0.0)
        raw_fits = self.raw is None or abs(self.raw) <= MOST_RAW
        return raw_fits and self.body_bytes >= 0 and all(0 <= score <= 1 for score in scores)


class Passed(msgspec.Struct):
    """Lines that were passed over, by why."""

    broken: int = 0
    unweighed: int = 0
    foreign: int = 0

    def words(self) -> str:
        """For a person; "" if there were none."""
        parts = (
            (self.unweighed, "weighed nothing"),
            (self.broken, "not JSON lines of a router"),
            (self.foreign, "weighed by another artifact"),
        )
        return ", ".join(f"{count:,} {why}" for count, why in parts if count)


class Traffic(msgspec.Struct, frozen=True):
    """Weighed requests, one element each.

    Attributes:
        raws: raw scores of the newest asks.
        earlier: highest score of the earlier asks under the calibration in use; 0 without any.
        body_bytes: sizes of the bodies.
        fixed: tier that no threshold changes, "" where the threshold decides.
        logged: scores as logged, under the calibration that served.
        seconds: from the first to the last of them.
        inverted: how many raw scores had to be derived from scores.
        sources: artifacts, or else generations, that weighed them.
        passed: what was not taken.
        threshold: the last one announced; None if none was.
    """

    raws: Floats
    earlier: Floats
    body_bytes: Floats
    fixed: Sequence[str]
    logged: Floats
    seconds: float
    inverted: int
    sources: frozenset[str]
    passed: Passed
    threshold: float | None = None

    def __len__(self) -> int:
        return len(self.raws)


def read_traffic(paths: Iterable[Path], calibration: Calibration, digest: str) -> Traffic:
    """Read the weighed decisions of log files; `-` is standard input, `.gz` is unpacked.

    Args:
        paths: the files.
        calibration: in use when they were written; turns scores into raw scores where a log was
            written before raw scores were.
        digest: of the artifact that holds it; lines announced as another's are left out.

    Raises:
        RecordError: for a file that can't be read, or if nothing weighed is in them.
    """
    reader = _Reader(calibration, digest)
    for path in paths:
        reader.read(path)
    return reader.traffic()


class _Reader:
    """Gathers lines of several files; each file numbers its generations by itself."""

    def __init__(self, calibration: Calibration, digest: str) -> None:
        self._calibration = calibration
        self._digest = digest
        self._decode = msgspec.json.Decoder(LogLine).decode
        self._passed = Passed()
        self._taken: list[LogLine] = []
        self._sources: set[str] = set()
        self._foreign: set[str] = set()
        self._inverted = 0
        self._threshold: float | None = None

    def read(self, path: Path) -> None:
        artifacts: dict[int, str] = {}
        try:
            with _open(path) as file:
                for raw in file:
                    if raw.strip():
                        self._take(raw, artifacts)
        except (OSError, EOFError, zlib.error) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise RecordError(f"{path}: can't be read: {why}") from error

    def _take(self, raw: bytes, artifacts: dict[int, str]) -> None:
        try:
            line = self._decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._passed.broken += 1
            return
        if line.message == ANNOUNCEMENT:
            artifacts[line.generation] = line.artifact
            self._threshold = line.threshold
        if line.event != "decision" or line.score is None:
            self._passed.unweighed += 1
        elif not line.is_sane():
            self._passed.broken += 1
        else:
            self._keep(line, line.score, artifacts.get(line.generation, ""))

    def _keep(self, line: LogLine, score: float, artifact: str) -> None:
        if artifact and not self._digest.startswith(artifact):
            self._passed.foreign += 1
            self._foreign.add(artifact)
            return
        if line.raw is None:
            line.raw = self._calibration.raw(score)
            self._inverted += 1
        self._sources.add(f"artifact {artifact}" if artifact else f"generation {line.generation}")
        self._taken.append(line)

    def traffic(self) -> Traffic:
        """What was gathered.

        Raises:
            RecordError: if it is nothing.
        """
        if not self._taken:
            raise RecordError(self._why_nothing())
        taken = self._taken
        times = [line.ts for line in taken if line.ts > 0]
        return Traffic(
            raws=np.array([line.raw for line in taken], dtype=np.float64),
            earlier=np.array([line.earlier or 0.0 for line in taken], dtype=np.float64),
            body_bytes=np.array([line.body_bytes for line in taken], dtype=np.float64),
            fixed=["" if line.reason in _BY_THRESHOLD else line.tier for line in taken],
            logged=np.array([line.score for line in taken], dtype=np.float64),
            seconds=max(times) - min(times) if times else 0.0,
            inverted=self._inverted,
            sources=frozenset(self._sources),
            passed=self._passed,
            threshold=self._threshold,
        )

    def _why_nothing(self) -> str:
        if self._foreign:
            return (
                f"all {self._passed.foreign:,} weighed decisions were made by artifact "
                f"{', '.join(sorted(self._foreign))}, not by {self._digest[:12]}; "
                "name the folder that served then: --artifact FOLDER"
            )
        return (
            "expected weighed decisions of a router (JSON lines with event 'decision' and a "
            f"score), came none; passed over: {self._passed.words() or 'nothing, the log is empty'}"
        )


def _open(path: Path) -> AbstractContextManager[IO[bytes]]:
    if path == _STDIN:
        return nullcontext(sys.stdin.buffer)
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return path.open("rb")

"""The resident memory of processes over a long run, and by how much it grew."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import psutil

WATCHED = ("router", "envoy")
# What is compared are medians of so much: one sample may fall into a collection of garbage.
_SPAN = 1 / 15


@dataclass(frozen=True)
class Sample:
    """Resident memory of the processes in bytes, by name, so many seconds after the start."""

    at: float
    rss: dict[str, int]


@dataclass
class Watch:
    """Reads the memory of processes until it is told to end."""

    pids: Mapping[str, int]
    every_s: float
    samples: list[Sample] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Read while the block runs."""
        ended = threading.Event()
        reader = threading.Thread(target=self._read, args=(ended,))
        reader.start()
        try:
            yield
        finally:
            ended.set()
            reader.join()

    def _read(self, ended: threading.Event) -> None:
        processes = {name: psutil.Process(self.pids[name]) for name in WATCHED}
        start = time.monotonic()
        while not ended.wait(self.every_s):
            rss = {name: int(each.memory_info().rss) for name, each in processes.items()}
            self.samples.append(Sample(time.monotonic() - start, rss))


@dataclass(frozen=True)
class Growth:
    """Memory of one process, bytes: at the first sample, after the warm-up, at the end, at most."""

    first: int
    warm: int
    last: int
    most: int

    @property
    def share(self) -> float:
        """By how much it grew after the warm-up; 0.05 is 5 %."""
        return self.last / self.warm - 1


def growth(samples: list[Sample], name: str, warm_s: float) -> Growth:
    """Compare the time after the warm-up with the end.

    Raises:
        ValueError: if the samples end before the warm-up.
    """
    span = samples[-1].at * _SPAN
    late = [s.rss[name] for s in samples if s.at >= samples[-1].at - span]
    warm = [s.rss[name] for s in samples if warm_s <= s.at <= warm_s + span]
    if not warm:
        raise ValueError(f"expected samples after {warm_s} s, the last is of {samples[-1].at} s")
    return Growth(
        first=samples[0].rss[name],
        warm=round(median(warm)),
        last=round(median(late)),
        most=max(s.rss[name] for s in samples),
    )

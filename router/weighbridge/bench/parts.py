"""Times the parts of a decision one by one in this process: the numbers that the ADRs argue with.

Each figure is the best of several repetitions, so that other work on the machine shows least.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import TypeVar

import msgspec
import orjson
from prometheus_client import CollectorRegistry, Histogram
from rich.console import Console
from rich.table import Table

from weighbridge.bench.prompts import CASES, make_bodies
from weighbridge.contract import Endpoint
from weighbridge.features import extract_features
from weighbridge.generation import Generation
from weighbridge.metrics import Distribution
from weighbridge.mutation import body_answer
from weighbridge.prompt import Ask, read_prompt
from weighbridge.shapes import decode_body

T = TypeVar("T")

_REPETITIONS = 7
_SECONDS = 0.05
"""Of one repetition; short, to fall between two pieces of other work."""
_ASK_CHARS = (16, 256, 1024, 4096)


class Part(msgspec.Struct, frozen=True):
    """One figure: microseconds that `name` takes for an input called `what`."""

    name: str
    what: str
    micros: float


def measure_parts() -> Iterator[Part]:
    """Measure all parts, in the order in which a request meets them."""
    generation = Generation.load(None)
    for case in CASES.values():
        bodies = list(make_bodies(case, min(case.variety, 64)))
        yield from _parsing(case.label, bodies, generation)
    yield from _judging(generation)
    yield from _observing()


def _parsing(what: str, bodies: Sequence[bytes], generation: Generation) -> Iterator[Part]:
    limits = generation.settings.limits
    for name, parse in (
        ("json.loads", json.loads),
        ("orjson.loads", orjson.loads),
        ("msgspec into objects", msgspec.json.Decoder().decode),
        ("msgspec, skipping (ours)", decode_body),
        ("read_prompt, whole", lambda body: read_prompt(body, Endpoint.CHAT, limits)),
    ):
        yield Part(name, what, _best(parse, bodies))


def _judging(generation: Generation) -> Iterator[Part]:
    for chars in _ASK_CHARS:
        text = ("Prove the lemma, then bound the cost of each step. " * 99)[:chars]
        asks = [Ask(f"{number:06}{text[6:]}", chars) for number in range(256)]
        yield Part("features", f"{chars} characters", _best(extract_features, asks))
    bodies = list(make_bodies(CASES["small"], 256))
    prompts = [read_prompt(body, Endpoint.CHAT, generation.settings.limits) for body in bodies]
    weighed = [(prompt, generation.classifier.weigh(prompt)) for prompt in prompts]
    decide = generation.policy.decide
    yield Part("classifier, remembered", "300 B", _best(generation.classifier.weigh, prompts))
    yield Part("policy", "300 B", _best(lambda pair: decide(*pair), weighed))
    decisions = [decide(*pair) for pair in weighed]
    yield Part("answer, remembered", "300 B", _best(body_answer, decisions))


def _observing() -> Iterator[Part]:
    bounds = tuple(2.0**power for power in range(-13, -3))
    values = [number / 1e5 for number in range(1, 1000)]
    library = Histogram("t", "t", buckets=bounds, registry=CollectorRegistry())
    yield Part("observe, client library", "10 buckets", _best(library.observe, values))
    yield Part("observe, ours", "10 buckets", _best(Distribution(bounds).observe, values))


def _best(call: Callable[[T], object], inputs: Sequence[T]) -> float:
    """Least mean microseconds of a call over the repetitions."""
    rounds = max(1, int(_SECONDS / max(1e-7, _mean(call, inputs[:1]))))
    sample = list(islice(cycle(inputs), rounds))
    return min(_mean(call, sample) for _ in range(_REPETITIONS)) * 1e6


def _mean(call: Callable[[T], object], inputs: Sequence[T]) -> float:
    started = time.perf_counter()
    for item in inputs:
        call(item)
    return (time.perf_counter() - started) / len(inputs)


def print_parts(console: Console, parts: Iterator[Part]) -> None:
    """Print the figures as they come in."""
    table = Table("part", "input", "µs", title="Parts of a decision, best of several repetitions")
    table.columns[2].justify = "right"
    for part in parts:
        table.add_row(part.name, part.what, f"{part.micros:,.1f}")
    console.print(table)

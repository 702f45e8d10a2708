"""Times the parts of a decision one by one in this process: the numbers that the ADRs argue with.

Each figure is the best of several repetitions, so that other work on the machine shows least.
"""

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice
from typing import TypeVar

import msgspec
import orjson
from prometheus_client import CollectorRegistry, Histogram
from rich.console import Console
from rich.table import Table

from weighbridge.artifact import load_artifact
from weighbridge.bench.prompts import CASES, make_bodies
from weighbridge.classifier import Cascade, make_classifier
from weighbridge.contract import Endpoint
from weighbridge.generation import Generation
from weighbridge.metrics import Distribution
from weighbridge.mutation import body_answer
from weighbridge.prompt import Ask, Limits, Prompt, read_prompt
from weighbridge.shapes import decode_body
from weighbridge.vocabulary import Vocabulary

T = TypeVar("T")

_REPETITIONS = 7
_SECONDS = 0.05
"""Of one repetition; short, to fall between two pieces of other work."""
_PIECES = (16, 64, 256, 512)
_LONG_PIECES = 8000
_VARIETY = 256
_FIRST_WORD = 1996
"""Where BERT's words begin, the most frequent first."""


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
        ("read_prompt, whole", partial(_read, limits)),
    ):
        yield Part(name, what, _best(parse, bodies))


def _judging(generation: Generation) -> Iterator[Part]:
    classifier = make_classifier(load_artifact(), second_stage=bool(find_spec("onnxruntime")))
    for pieces in _PIECES:
        texts = _texts(classifier.stage1.featurizer.vocabulary, pieces)
        yield from _weighing(f"{pieces} pieces", classifier, texts)
    long = _texts(classifier.stage1.featurizer.vocabulary, _LONG_PIECES)
    bodies = [_chat(text) for text in long]
    limits = generation.settings.limits
    what = f"{_LONG_PIECES:,} pieces"
    yield Part("read_prompt, whole", what, _best(partial(_read, limits), bodies))
    excerpts = [ask.text for body in bodies if (ask := _read(limits, body).ask)]
    yield from _weighing(f"excerpt of {what}", classifier, excerpts)
    bodies = list(make_bodies(CASES["small"], 256))
    prompts = [_read(limits, body) for body in bodies]
    weighed = [(prompt, classifier.weigh(prompt)) for prompt in prompts]
    decide = generation.policy.decide
    yield Part("classifier, remembered", "300 B", _best(classifier.weigh, prompts))
    yield Part("policy", "300 B", _best(lambda pair: decide(*pair), weighed))
    decisions = [decide(*pair) for pair in weighed]
    yield Part("answer, remembered", "300 B", _best(body_answer, decisions))


def _weighing(what: str, classifier: Cascade, texts: Sequence[str]) -> Iterator[Part]:
    stage1, stage2 = classifier.stage1, classifier.stage2
    asks = [Ask(text, len(text)) for text in texts]
    found = [classifier.features(ask) for ask in asks]
    vocabulary = stage1.featurizer.vocabulary
    yield Part("tokenise", what, _best(vocabulary.encode, texts))
    if find_spec("tokenizers"):
        yield Part("tokenise, tokenizers", what, _best(_their_encode(vocabulary), texts))
    yield Part("features, tokens too", what, _best(classifier.features, asks))
    yield Part("stage 1", what, _best(stage1.raw, found))
    yield Part(
        "stage 1, all of it", what, _best(lambda ask: stage1.raw(classifier.features(ask)), asks)
    )
    if stage2 is not None:
        yield Part("stage 2", what, _best(stage2.raw, found))


def _their_encode(vocabulary: Vocabulary) -> Callable[[str], object]:
    """The library that we do without (ADR 7), set to do the same."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers  # noqa: PLC0415

    ids = {piece: number for number, piece in enumerate(vocabulary.pieces)}
    theirs = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))  # noqa: S106 - a word piece
    theirs.normalizer = normalizers.BertNormalizer(lowercase=True)
    theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return lambda text: theirs.encode(text, add_special_tokens=False).ids


def _texts(vocabulary: Vocabulary, pieces: int) -> list[str]:
    """Texts of so many pieces, their words as frequent as in English, all different."""
    dice = random.Random(pieces)  # noqa: S311 - sample texts, not secrets
    words = [piece for piece in vocabulary.pieces[_FIRST_WORD:] if piece.isalpha()]
    span = math.log(len(words))

    def word() -> str:
        return words[int(math.exp(dice.uniform(0, span))) - 1]

    return [
        " ".join(dice.choice(".,?:") if place % 9 == 8 else word() for place in range(pieces))  # noqa: PLR2004
        for _ in range(_VARIETY)
    ]


def _chat(text: str) -> bytes:
    return msgspec.json.encode({"messages": [{"role": "user", "content": text}]})


def _read(limits: Limits, body: bytes) -> Prompt:
    return read_prompt(body, Endpoint.CHAT, limits)


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

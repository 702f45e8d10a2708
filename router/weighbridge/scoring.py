"""The same weighing without Envoy: request bodies as JSON lines in, decisions as JSON lines out.

Each line goes the way of a request: read, guarded, weighed, decided. `weighbridge score` and
`weighbridge explain` are thin shells of this module.
"""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from weighbridge.classifier import Complexity
from weighbridge.contract import Endpoint
from weighbridge.errors import BodyUnparsedError, StreamError
from weighbridge.generation import Generation
from weighbridge.policy import Decision
from weighbridge.prompt import Prompt, parse_body, read_prompt
from weighbridge.shapes import ABSENT


class ScoreLine(msgspec.Struct, omit_defaults=True):
    """One line of output.

    Attributes:
        score: 0..1; null where nothing was weighed.
        tier: where the request would go.
        reason: why.
        stage: which stage of the classifier answered, "" if none did.
        micros: microseconds from the bytes of the line to the decision.
        error: what was wrong with the line, if anything.
    """

    score: float | None
    tier: str
    reason: str
    stage: str
    micros: int
    error: str = ""


class Weighed(msgspec.Struct):
    """One body on its way to a decision, with all that a person may want to see of it."""

    decision: Decision
    seconds: float
    prompt: Prompt | None = None
    complexity: Complexity | None = None
    error: str = ""


def guess_endpoint(body: bytes) -> Endpoint:
    """Which API a body without a path belongs to, by the key that holds its prompt.

    Raises:
        BodyUnparsedError: if it is no JSON object, or has none of the keys.
    """
    try:
        parsed, _ = parse_body(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BodyUnparsedError(f"expected a JSON object: {error}") from error
    if parsed.messages is not None:
        return Endpoint.CHAT
    if parsed.prompt is not ABSENT:
        return Endpoint.COMPLETIONS
    if parsed.input is not ABSENT:
        return Endpoint.RESPONSES
    raise BodyUnparsedError('expected one of the keys "prompt", "messages" and "input"')


def weigh_body(generation: Generation, body: bytes) -> Weighed:
    """Decide one body as the router would. Never raises for what the body holds."""
    started = time.perf_counter()
    weighed = Weighed(generation.policy.failed(BodyUnparsedError.reason), 0.0)
    try:
        prompt = read_prompt(body, guess_endpoint(body), generation.settings.limits)
        weighed.prompt = prompt
        settled = generation.policy.settle(prompt)
        if settled is None:
            weighed.complexity = _weigh(generation, prompt)
            settled = generation.policy.decide(prompt, weighed.complexity)
        weighed.decision = settled
    except StreamError as error:
        weighed.decision = generation.policy.failed(error.reason)
        weighed.error = str(error)
    weighed.seconds = time.perf_counter() - started
    return weighed


def _weigh(generation: Generation, prompt: Prompt) -> Complexity:
    """Both stages, as the router has them, but without a deadline."""
    classifier = generation.classifier
    complexity = classifier.weigh(prompt)
    if classifier.has_second_stage and generation.policy.is_open(prompt, complexity):
        return classifier.refine(prompt, complexity)
    return complexity


def score_lines(generation: Generation, lines: Iterable[bytes]) -> Iterator[ScoreLine]:
    """Score JSON lines in their order; blank lines are passed over."""
    for line in lines:
        if line.strip():
            yield _score_line(weigh_body(generation, line))


def _score_line(weighed: Weighed) -> ScoreLine:
    decision, complexity = weighed.decision, weighed.complexity
    return ScoreLine(
        score=None if decision.score is None else round(decision.score, 6),
        tier=decision.tier,
        reason=decision.reason.value,
        stage=complexity.stage if complexity else "",
        micros=round(weighed.seconds * 1e6),
        error=weighed.error,
    )


def run_scoring(
    config: Path | None, artifact: Path | None, lines: Iterable[bytes], out: IO[bytes]
) -> int:
    """Score `lines` into `out`; returns how many could not be read.

    Raises:
        SettingsError: for settings that can't be used.
        ArtifactError: for an artifact that can't be used.
    """
    generation = Generation.load(config, artifact)
    encode = msgspec.json.Encoder().encode
    failed = 0
    for line in score_lines(generation, lines):
        out.write(encode(line) + b"\n")
        failed += bool(line.error)
    out.flush()
    return failed


def explain_text(generation: Generation, text: str) -> Weighed:
    """Decide a bare prompt as the one message of a chat request."""
    message: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": text}]}
    return weigh_body(generation, msgspec.json.encode(message))

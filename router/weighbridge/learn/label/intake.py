"""The prompts of a run: a file in; prompts that can be graded out, or every fault at once."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import msgspec

from weighbridge.errors import LearnError, RecordError
from weighbridge.learn.label.options import Method
from weighbridge.learn.records import PromptLine, content_id, read_prompts

_FAULTS_TOLD = 10
_FIELDS = {Method.EXACT: "reference", Method.REGEX: "pattern", Method.TESTS: "tests"}
"""What each verifier needs of a prompt."""


class Numbered(msgspec.Struct, frozen=True):
    """A prompt and the line it stood on."""

    number: int
    prompt: PromptLine


class Intake(msgspec.Struct, frozen=True):
    """What was read.

    Attributes:
        prompts: each once, in the order of the file.
        repeated: how many lines held a prompt that stood before.
    """

    prompts: list[Numbered]
    repeated: int


def read_intake(path: Path) -> Intake:
    """Read the prompts; of equal ones without an id the first is kept.

    Raises:
        RecordError: naming the line that can't be used, or a file without any prompt.
    """
    kept: dict[str, Numbered] = {}
    repeated = 0
    for prompt, number in zip(read_prompts(path), _line_numbers(path), strict=False):
        earlier = kept.get(prompt.id)
        if earlier is None:
            kept[prompt.id] = Numbered(number, prompt)
        elif content_id(earlier.prompt) == content_id(prompt):
            repeated += 1
        else:
            raise RecordError(f"{path}:{number}: id {prompt.id!r} stood before")
    if not kept:
        raise RecordError(f"{path}: expected prompts, one JSON object a line; came none")
    return Intake(list(kept.values()), repeated)


def _line_numbers(path: Path) -> list[int]:
    try:
        with path.open("rb") as file:
            return [number for number, raw in enumerate(file, 1) if raw.strip()]
    except OSError:
        return []  # `read_prompts` says it in its words


def choose_method(prompts: Sequence[Numbered]) -> Method:
    """Name the one verifier that every prompt brings what is needed for.

    Raises:
        LearnError: there is none, or more than one.
    """
    fitting = [
        method
        for method, field in _FIELDS.items()
        if all(getattr(each.prompt, field) for each in prompts)
    ]
    if len(fitting) != 1:
        which = " and ".join(fitting) if fitting else "no verifier"
        raise LearnError(
            f"the prompts bring what {which} needs: say how to grade with --judge "
            f"{'|'.join(_FIELDS)}, or --judge URL for a model"
        )
    return fitting[0]


def check_gradable(path: Path, prompts: Sequence[Numbered], method: Method) -> None:
    """Make sure that every prompt brings what the grader needs, before anything is spent.

    Raises:
        LearnError: naming line and id of those that don't.
    """
    faults = [
        f"{path}:{each.number}: id {each.prompt.id!r}: {fault}"
        for each in prompts
        if (fault := _fault(each.prompt, method))
    ]
    if not faults:
        return
    more = len(faults) - _FAULTS_TOLD
    listed = [*faults[:_FAULTS_TOLD], *([f"and {more} more"] if more > 0 else [])]
    raise LearnError(
        f"{len(faults)} of {len(prompts)} prompts can't be graded by {method}; nothing was asked:\n"
        + "\n".join(f"  {line}" for line in listed)
    )


def _fault(prompt: PromptLine, method: Method) -> str:
    if method is Method.JUDGE:
        return ""
    field = _FIELDS[method]
    value: str = getattr(prompt, field)
    if not value.strip():
        return f"expected {field!r}"
    try:
        _compile(method, value)
    except (re.error, SyntaxError, ValueError) as error:
        return f"{field!r} can't be compiled: {error}"
    return ""


def _compile(method: Method, value: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method is Method.REGEX:
            re.compile(value)
        elif method is Method.TESTS:
            compile(value, "tests", "exec", dont_inherit=True)

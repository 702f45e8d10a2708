"""The two files that `weighbridge learn` passes along: prompts to be asked, and labels.

Both are JSON lines. A fault names its line; nothing is guessed.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from weighbridge.errors import RecordError

_ID_CHARS = 16


class PromptLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One prompt to be answered by both pools. `prompt` or `messages` holds it.

    Attributes:
        id: unique; "": made of the content.
        prompt: the text of one user message.
        messages: an OpenAI chat instead.
        task: a name that groups prompts of one kind, for cross-validation and tables.
        reference: the right answer, for the `exact` grader.
        pattern: regular expression of a right answer, for the `regex` grader.
        tests: Python asserts that call what the answer defines, for the `tests` grader.
    """

    id: str = ""
    prompt: str = ""
    messages: list[dict[str, Any]] = []
    task: str = ""
    reference: str = ""
    pattern: str = ""
    tests: str = ""

    def chat(self) -> list[dict[str, Any]]:
        """The messages to send."""
        return self.messages or [{"role": "user", "content": self.prompt}]


class LabelLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What both pools made of one prompt.

    Attributes:
        id: of the prompt.
        score_small: 0..1, how good the small pool's answer is.
        score_large: 0..1, the same of the large pool's.
        prompt: as in `PromptLine`.
        messages: as in `PromptLine`.
        task: as in `PromptLine`.
        small: name of the small model.
        large: name of the large model.
        grader: which grader gave the scores.
        evidence: what the scores rest on: answers, token counts, the judge's verdicts.
    """

    id: str
    score_small: float
    score_large: float
    prompt: str = ""
    messages: list[dict[str, Any]] = []
    task: str = ""
    small: str = ""
    large: str = ""
    grader: str = ""
    evidence: dict[str, Any] = {}

    def chat(self) -> list[dict[str, Any]]:
        """The messages that were sent."""
        return self.messages or [{"role": "user", "content": self.prompt}]


Line = TypeVar("Line", PromptLine, LabelLine)


def read_prompts(path: Path) -> Iterator[PromptLine]:
    """Read a file of prompts; those without an id get one.

    Raises:
        RecordError: naming the line that is no prompt, or whose id stood before.
    """
    for number, line in _read(path, PromptLine):
        if not (line.prompt or line.messages):
            raise RecordError(f"{path}:{number}: expected 'prompt' or 'messages', came neither")
        yield line if line.id else msgspec.structs.replace(line, id=content_id(line))


def read_labels(path: Path) -> Iterator[LabelLine]:
    """Read a file of labels.

    Raises:
        RecordError: naming the line that is no label, or whose id stood before.
    """
    for number, line in _read(path, LabelLine):
        if not (0 <= line.score_small <= 1 and 0 <= line.score_large <= 1):
            raise RecordError(f"{path}:{number}: expected scores from 0 to 1")
        yield line


def content_id(line: PromptLine) -> str:
    """A short hash of what would be sent."""
    raw = msgspec.json.encode(line.chat(), order="deterministic")
    return hashlib.sha256(raw).hexdigest()[:_ID_CHARS]


def write_lines(path: Path, lines: Iterable[msgspec.Struct]) -> int:
    """Write JSON lines whole or not at all; returns how many."""
    draft = path.with_name(path.name + ".part")
    count = 0
    with draft.open("wb") as file:
        for line in encode_lines(lines):
            file.write(line)
            count += 1
    draft.replace(path)
    return count


def encode_lines(lines: Iterable[msgspec.Struct]) -> Iterator[bytes]:
    """Each as its JSON line, the end of it included."""
    encode = msgspec.json.Encoder().encode
    for line in lines:
        yield encode(line) + b"\n"


def _read(path: Path, kind: type[Line]) -> Iterator[tuple[int, Line]]:
    decode = msgspec.json.Decoder(kind).decode
    seen: set[str] = set()
    try:
        file = path.open("rb")
    except OSError as error:
        raise RecordError(f"{path}: can't be read: {error.strerror}") from error
    with file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                line = decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise RecordError(f"{path}:{number}: {error}") from error
            if line.id and line.id in seen:
                raise RecordError(f"{path}:{number}: id {line.id!r} stood before")
            seen.add(line.id)
            yield number, line

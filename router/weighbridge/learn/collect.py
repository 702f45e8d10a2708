"""Files of prompts in, one file of prompts out: read, told apart, scored, and sampled if wanted.

What the router captured and what the operator brings go the same way. Two prompts are alike, and
the second is dropped, if system and user said the same once case, spacing, and what changes by
itself (dates, times, long numbers) are put aside.
"""

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from weighbridge.errors import RecordError
from weighbridge.generation import Generation
from weighbridge.learn.intake import Fault, Unfit, read_line
from weighbridge.learn.records import PromptLine, content_id, write_lines
from weighbridge.learn.sampling import DECILES, StratifiedSample, decile_of
from weighbridge.scoring import weigh_body

_SPACE = re.compile(r"\s+")
_CHANGING = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}(?::\d{2})?|\d{5,}")
_DIGEST_BYTES = 16
_MOST_FAULTS = 50
_encode = msgspec.json.Encoder().encode
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Wanted(msgspec.Struct, frozen=True):
    """What to collect.

    Attributes:
        inputs: files, and folders whose *.jsonl are read.
        out: the file to write.
        sample: prompts wanted; None: all.
        even: sample as many from each tenth of the scale.
        seed: of the sample.
        task_field: which field of a line names its task.
        prompt_bytes: longer prompts are left out, in UTF-8 bytes of their words.
    """

    inputs: Sequence[Path]
    out: Path
    sample: int | None = None
    even: bool = False
    seed: int = 1
    task_field: str = "task"
    prompt_bytes: int = 32_768


class Tally(msgspec.Struct):
    """What became of the lines.

    Attributes:
        rows: lines that were not blank.
        duplicates: alike to one before.
        unfit: number of lines by why they are not kept.
        faults: the first of these, each as file:line: why.
        renamed: ids that stood before with another prompt, and were made anew.
        different: fit and unlike prompts by tenth of the scale.
        written: those of them that were written.
    """

    rows: int = 0
    duplicates: int = 0
    unfit: Counter[Unfit] = msgspec.field(default_factory=Counter)
    faults: list[str] = []
    renamed: int = 0
    different: list[int] = msgspec.field(default_factory=lambda: [0] * DECILES)
    written: list[int] = msgspec.field(default_factory=lambda: [0] * DECILES)

    def refuse(self, where: str, fault: Fault) -> None:
        """Count a line that is not kept."""
        self.unfit[fault.unfit] += 1
        if len(self.faults) < _MOST_FAULTS:
            detail = f": {fault.detail}" if fault.detail else ""
            self.faults.append(f"{where}: {fault.unfit}{detail}")


class _Found(msgspec.Struct, frozen=True):
    where: str
    line: PromptLine
    key: bytes = b""
    score: float = 0.0


def find_files(inputs: Sequence[Path], out: Path) -> list[Path]:
    """The files to read, those of a folder by name; `out` itself is not taken from a folder.

    Raises:
        RecordError: for an input that is not there, and a folder without *.jsonl.
    """
    files: list[Path] = []
    for path in inputs:
        if not path.is_dir():
            files.append(path)
            continue
        within = [one for one in sorted(path.glob("*.jsonl")) if one.resolve() != out.resolve()]
        if not within:
            raise RecordError(f"{path}: expected *.jsonl in this folder, found none")
        files += within
    if missing := [str(path) for path in files if not path.is_file()]:
        raise RecordError(f"can't be read, no such file: {', '.join(missing)}")
    return list(dict.fromkeys(files))


def collect(
    wanted: Wanted,
    files: Sequence[Path],
    generation: Generation,
    read: Callable[[int], object] = lambda _: None,
) -> Tally:
    """Collect; where nothing is to be kept, nothing is written.

    Args:
        wanted: what to collect.
        files: of `find_files`.
        generation: whose classifier scores the prompts.
        read: told of bytes as they are read.

    Raises:
        RecordError: if a file can't be read, or `out` not be written.
    """
    tally = Tally()
    found = _fit(_lines(files, tally, read), wanted, tally)
    scored = _scored(_unlike(found, tally), generation, tally)
    chosen = _numbered(_sampled(scored, wanted), tally)
    first = next(chosen, None)
    if first is not None:
        _write(wanted.out, chain([first], chosen))
    return tally


def alike_key(line: PromptLine) -> bytes:
    """Equal for two prompts that are alike; see the module's docstring."""
    said = (one for one in line.chat() if one["role"] != "assistant")
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for message in said:
        text = unicodedata.normalize("NFKC", message["content"]).casefold()
        text = _CHANGING.sub("0", _SPACE.sub(" ", text)).strip(" .!?")
        digest.update(f"{message['role']}\0{text}\0".encode("utf-8", "replace"))
    return digest.digest()


def _lines(
    files: Iterable[Path], tally: Tally, read: Callable[[int], object]
) -> Iterator[tuple[str, bytes]]:
    for path in files:
        try:
            with path.open("rb") as file:
                for number, raw in enumerate(file, 1):
                    read(len(raw))
                    line = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
                    if line.strip():
                        tally.rows += 1
                        yield f"{path}:{number}", line
        except OSError as error:
            raise RecordError(f"{path}: can't be read: {error.strerror}") from error


def _fit(lines: Iterable[tuple[str, bytes]], wanted: Wanted, tally: Tally) -> Iterator[_Found]:
    for where, raw in lines:
        line = read_line(raw, wanted.task_field)
        if isinstance(line, PromptLine):
            size = sum(len(one["content"].encode("utf-8", "replace")) for one in line.chat())
            if size <= wanted.prompt_bytes:
                yield _Found(where, line)
                continue
            detail = f"{size:,} bytes of words, at most {wanted.prompt_bytes:,} are wanted"
            line = Fault(Unfit.TOO_LONG, detail)
        tally.refuse(where, line)


def _unlike(found: Iterable[_Found], tally: Tally) -> Iterator[_Found]:
    seen: set[bytes] = set()
    for one in found:
        key = alike_key(one.line)
        if key in seen:
            tally.duplicates += 1
            continue
        seen.add(key)
        yield msgspec.structs.replace(one, key=key)


def _scored(found: Iterable[_Found], generation: Generation, tally: Tally) -> Iterator[_Found]:
    for one in found:
        score = weigh_body(generation, _encode({"messages": one.line.chat()})).decision.score
        if score is None:
            tally.refuse(one.where, Fault(Unfit.UNWEIGHED))
            continue
        tally.different[decile_of(score)] += 1
        yield msgspec.structs.replace(one, score=score)


def _sampled(found: Iterable[_Found], wanted: Wanted) -> Iterator[tuple[PromptLine, int]]:
    if wanted.sample is None:
        yield from ((one.line, decile_of(one.score)) for one in found)
        return
    sample = StratifiedSample(wanted.sample, wanted.seed, even=wanted.even)
    for one in found:
        sample.add(one.line, one.score, one.key)
    yield from sample.chosen()


def _numbered(chosen: Iterable[tuple[PromptLine, int]], tally: Tally) -> Iterator[PromptLine]:
    """Give each prompt an id that no other has."""
    taken: set[str] = set()
    for line, decile in chosen:
        name = line.id or content_id(line)
        if name in taken:
            tally.renamed += 1
            name = content_id(line)
        while name in taken:
            name += "+"
        taken.add(name)
        tally.written[decile] += 1
        yield msgspec.structs.replace(line, id=name)


def _write(out: Path, lines: Iterable[PromptLine]) -> None:
    """Write for the owner's eyes alone: what was captured from clients stays so."""
    mask = os.umask(0o077)
    try:
        write_lines(out, lines)
    except OSError as error:
        raise RecordError(f"{out}: can't be written: {error.strerror}") from error
    finally:
        os.umask(mask)

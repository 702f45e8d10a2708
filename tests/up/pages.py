"""Examples of a page, and whether one still prints what the page says.

An example follows the comment `<!-- up -->`: commands of a console with what they print, or a
program in Python and, in a block of text after it, what that prints. `…` stands for anything within
a line, and alone on a line for any number of lines.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "<!-- up -->"
ENDPOINT = "http://localhost:8080/v1"
"""The address that pages call the endpoint by."""

_BLOCK = re.compile(
    rf"{MARK}\n```(?P<language>\w+)\n(?P<text>.*?)^```\n(?:\n```text\n(?P<printed>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
_PROMPT = "$ "
_ELLIPSIS = "…"
_RUN_S = 60


@dataclass(frozen=True)
class Example:
    """One of a page.

    Attributes:
        line: of the page, on which its block begins.
        command: the words of it.
        printed: what the page says that it prints.
    """

    line: int
    command: tuple[str, ...]
    printed: str

    def run(self, endpoint: str) -> str:
        """Run it against an endpoint; what it printed."""
        words = [word.replace(ENDPOINT, endpoint) for word in self.command]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=_RUN_S, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.replace("\r\n", "\n")

    def agrees_with(self, output: str) -> bool:
        """Whether it printed what the page says."""
        pattern = "".join(map(_pattern_of, self.printed.splitlines()))
        return re.fullmatch(pattern, output.rstrip("\n") + "\n") is not None


def examples(page: Path) -> list[Example]:
    """All examples of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    found = [each for block in _BLOCK.finditer(text) for each in _examples(block)]
    assert text.count(MARK) == len(list(_BLOCK.finditer(text))), f"{page}: {MARK} before no example"
    return found


def _examples(block: re.Match[str]) -> Iterator[Example]:
    line = block.string.count("\n", 0, block.start()) + 1
    if block["language"] == "python":
        yield Example(
            line, (sys.executable, "-c", block["text"]), (block["printed"] or "").rstrip()
        )
        return
    for part in re.split(rf"^{re.escape(_PROMPT)}", block["text"], flags=re.MULTILINE)[1:]:
        command, _, printed = part.replace("\\\n", "").partition("\n")
        yield Example(line, tuple(shlex.split(command)), printed.rstrip())


def _pattern_of(line: str) -> str:
    if line == _ELLIPSIS:
        return r"(?:.*\n)*?"
    return re.escape(line).replace(_ELLIPSIS, ".*") + r"\n"

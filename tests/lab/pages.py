"""Console blocks of a page, and whether a command still prints what the page says.

A block follows a comment that names the state of the lab it is about, `<!-- lab: empty-pool -->`.
In it `…` stands for anything within a line, and alone on a line for any number of lines; how wide
the columns of a table are does not matter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"<!-- lab: (\S+) -->\n```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
_WORDS = re.compile(r"<!-- words -->\n```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)
_PROMPT = "$ "
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Session:
    """A command of a page.

    Attributes:
        state: of the lab, in which it is run.
        command: for a shell.
        printed: what the page says that it prints.
    """

    state: str
    command: str
    printed: tuple[str, ...]

    def agrees_with(self, output: str) -> bool:
        """Whether it printed what the page says."""
        lines = (" ".join(line.split()) for line in output.splitlines())
        return re.fullmatch(self._pattern(), "".join(f"{line}\n" for line in lines)) is not None

    def _pattern(self) -> str:
        return "".join(map(_pattern_of, self.printed))


def sessions(page: Path) -> dict[str, list[Session]]:
    """Commands of a page by state, in the page's order."""
    found: dict[str, list[Session]] = {}
    for state, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        found.setdefault(state, []).extend(_sessions(state, text))
    return found


def words(page: Path) -> str:
    """What the page has its reader paste into a shell first."""
    return "\n".join(_WORDS.findall(page.read_text(encoding="utf-8")))


def _sessions(state: str, text: str) -> Iterator[Session]:
    for part in re.split(rf"^{re.escape(_PROMPT)}", text, flags=re.MULTILINE)[1:]:
        command, *printed = part.replace("\\\n", "").splitlines()
        yield Session(state, command, tuple(" ".join(line.split()) for line in printed))


def _pattern_of(line: str) -> str:
    if line == _ELLIPSIS:
        return r"(?:.*\n)*?"
    return re.escape(line).replace(_ELLIPSIS, ".*") + r"\n"

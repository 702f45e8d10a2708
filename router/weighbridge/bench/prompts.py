"""Request bodies of a given size, all different: questions, code, conversations, agents, images.

Each holds a place for a serial number in every text that a person wrote. The router keeps scores by
text; with a new number in each request it weighs each one anew, and the length stays the same.
"""

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

SERIAL_DIGITS: Final = 10
SERIAL_PLACE: Final = "#" * SERIAL_DIGITS
"""Stands in a body wherever a serial number belongs."""
_FILLER: Final = "@FILLER@"
_Messages = list[dict[str, Any]]


class Case(msgspec.Struct, frozen=True):
    """One size of request.

    Attributes:
        name: as on the command line.
        label: as in the table.
        body_bytes: size of every body.
        variety: bodies that differ in more than their serial numbers.
    """

    name: str
    label: str
    body_bytes: int
    variety: int


CASES: Final = {
    case.name: case
    for case in (
        Case("small", "300 B", 300, 500),
        Case("32k", "32 KB", 32 * 1024, 240),
        Case("220k", "220 KB", 220 * 1024, 64),
        Case("3m", "3 MB", 3 * 1024 * 1024, 16),
    )
}

_ASKS: Final = (
    "Translate to {language}: where is the {thing}?",
    "Write a {code} function that sorts a {thing} by age.",
    "Why does my {code} service leak memory under load?",
    "Summarise this note about the {thing} in one line.",
    "Prove that the {thing} problem is NP-hard, step by step.",
    "What is the capital of the land of the {thing}?",
    "Fix: `def f(x): return x[{number}]` fails in {code}.",
    "Design a schema for a {thing} shop; compare two.",
    "Compute the integral of x^{number} from 0 to 1.",
    "Rewrite politely in {language}: send the {thing} now!",
)
_WORDS: Final = {
    "language": ("French", "Polish", "Japanese", "Spanish", "German"),
    "thing": ("ledger", "station", "invoice", "queue", "garden", "graph", "harbour", "compiler"),
    "code": ("Python", "Go", "Rust", "SQL", "TypeScript"),
}
_PROSE: Final = (
    "The invoices of the third quarter were checked against the ledger and two did not agree. ",
    "Latency rose after the deployment, although the number of requests stayed what it was. ",
    "Each node keeps a log of its writes; a follower that falls behind reads it from the start. ",
    "Please keep the tone friendly, name the sources, and leave the tables as they are. ",
)
_CODE: Final = (
    """def merge(left, right):
    out = []
    while left and right:
        side = left if left[0] <= right[0] else right
        out.append(side.pop(0))
    return out + left + right
""",
    """func (s *Store) Get(key string) (Value, error) {
\ts.mu.RLock()
\tdefer s.mu.RUnlock()
\tif v, ok := s.items[key]; ok {
\t\treturn v, nil
\t}
\treturn Value{}, ErrMissing
}
""",
    """SELECT tier, count(*) AS n FROM decisions WHERE ts > now() - interval '1 hour'
GROUP BY tier HAVING count(*) > 10 ORDER BY n DESC;
""",
)


def make_bodies(case: Case, count: int) -> Iterator[bytes]:
    """Make `count` bodies of `case.body_bytes` bytes each; the same ones every time."""
    dice = random.Random(case.name)  # noqa: S311 - sample texts, not secrets
    shapes = _SHAPES[case.name]
    for number in range(count):
        yield _fit(shapes[number % len(shapes)](dice), case.body_bytes, dice)


def _single(dice: random.Random) -> _Messages:
    return [_user(f"[{SERIAL_PLACE}] {_ask(dice)} {_FILLER}")]


def _instructed(dice: random.Random) -> _Messages:
    return [{"role": "system", "content": "Be brief."}, *_single(dice)]


def _multi_turn(dice: random.Random) -> _Messages:
    return [
        _user(f"{SERIAL_PLACE} hi"),
        {"role": "assistant", "content": "Hello!"},
        _user(f"{SERIAL_PLACE} {_ask(dice)} {_FILLER}"),
    ]


def _conversation(dice: random.Random) -> _Messages:
    turns: _Messages = [{"role": "system", "content": _prose(dice, 6)}]
    for _ in range(8):
        turns += [
            _user(f"{SERIAL_PLACE}: {_ask(dice)}\n{_prose(dice, 2)}"),
            {"role": "assistant", "content": _prose(dice, 4) + _code(dice, 2)},
        ]
    return [*turns, _user(f"{SERIAL_PLACE}: {_ask(dice)}\n```\n{_FILLER}\n```")]


def _agent(dice: random.Random) -> _Messages:
    """A coding agent's transcript: one task, then files read and commands run."""
    turns: _Messages = [_user(f"{SERIAL_PLACE}: {_ask(dice)} {_prose(dice, 3)}")]
    for step in range(24):
        call = {"name": "read_file", "arguments": json.dumps({"path": f"src/part{step}.py"})}
        turns += [
            {
                "role": "assistant",
                "content": _prose(dice, 1),
                "tool_calls": [{"id": f"call_{step}", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": f"call_{step}", "content": _code(dice, 20)},
        ]
    turns.append({"role": "tool", "tool_call_id": "call_last", "content": _FILLER})
    return [*turns, _user(f"{SERIAL_PLACE}: {_ask(dice)}")]


def _document(dice: random.Random) -> _Messages:
    return [_user(f"{SERIAL_PLACE}: {_ask(dice)}\n\n{_FILLER}\n\nRemember: {_ask(dice)}")]


def _image(dice: random.Random) -> _Messages:
    pixels = base64.b64encode(dice.randbytes(2_000_000)).decode()
    return [
        _user(f"{SERIAL_PLACE}: {_ask(dice)} {_FILLER}"),
        {"role": "assistant", "content": _prose(dice, 3)},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{pixels}"}},
                {"type": "text", "text": f"{SERIAL_PLACE}: {_ask(dice)}"},
            ],
        },
    ]


_SHAPES: Final[dict[str, tuple[Callable[[random.Random], _Messages], ...]]] = {
    "small": (_single, _multi_turn, _single, _instructed),
    "32k": (_conversation, _document, _conversation),
    "220k": (_agent, _agent, _document),
    "3m": (_agent, _image, _document),
}


def _user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def _ask(dice: random.Random) -> str:
    words = {name: dice.choice(words) for name, words in _WORDS.items()}
    return dice.choice(_ASKS).format(number=dice.randrange(2, 99), **words)


def _prose(dice: random.Random, sentences: int) -> str:
    return "".join(dice.choices(_PROSE, k=sentences))


def _code(dice: random.Random, pieces: int) -> str:
    return "".join(dice.choices(_CODE, k=pieces))


def _fit(messages: _Messages, size: int, dice: random.Random) -> bytes:
    """Write the body with as much filler as makes it `size` bytes long."""
    # Not streamed: what is measured ends with the first byte of the answer, and pools here have
    # one short answer. A proxy that is asked for a stream would wait for one.
    document = {"model": "auto", "messages": messages, "stream": False}
    written = json.dumps(document, separators=(",", ":"))
    short = size - len(written) + len(_FILLER)
    if short < 0:
        raise ValueError(f"expected a body of at most {size} bytes, came {size - short}")
    sample = json.dumps(_prose(dice, 20) + _code(dice, 10))[1:-1]
    filler = (sample * (short // len(sample) + 1))[:short]
    if filler.endswith("\\") and not filler.endswith("\\\\"):
        filler = filler[:-1] + " "
    return written.replace(_FILLER, filler).encode()

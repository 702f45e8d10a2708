"""An ask in, numbers out: length, structure, question form, code, maths and signs of many steps.

Pure and cheap: a few microseconds for a line, under a hundred for the longest excerpt. Counts pass
through log1p, so that ten times as much of a sign is never ten times as heavy.
"""

import math
import re
from collections.abc import Mapping

import msgspec

from weighbridge.prompt import Ask

_EDGES = ".,;:!?\"'()[]{}<>*_`-…¿¡“”«»"
_LIST_ITEM = re.compile(r"^ {0,3}(?:[-*•]|\d{1,2}[.)])\s", re.MULTILINE)
# str.count takes about 2 µs for 4 KB where one pass of a regular expression takes 15 to 130; marks
# are looked for only where a character that all of a group share is there.
_CODE_MARKS = {
    "`": ("```",),
    "(": ("()",),
    "{": ("{\n",),
    "}": ("}\n",),
    ";": (";\n",),
    "=": ("=>", "!=", "=="),
    ">": ("->",),
    "<": ("</",),
    ":": ("::", ":\n ", "error:"),
    "#": ("#include",),
    "S": ("SELECT ",),
}
_CODE_WORDS = (
    *("def ", "func ", "class ", "struct ", "const "),
    *("return ", "import ", "Traceback", "Exception"),
)
_MATHS_MARKS = {
    "\\": (
        *("\\frac", "\\sum", "\\int", "\\sqrt", "\\lim"),
        *("\\begin", "\\math", "\\leq", "\\geq"),
    ),
    "^": ("^2", "^3", "^n"),
    "(": ("f(x)", "log(", "sin(", "cos(", "O("),
    "=": (" = ",),
    "+": (" + ",),
    "*": (" * ",),
    "d": ("mod ",),
}
_MATHS_SYMBOLS = ("∑", "∫", "√", "≤", "≥", "∀", "∃", "∈", "∂", "π")

_HARD_WORDS = frozenset(
    """
    algorithm algorithms analyse analyze architecture argue asymptotic benchmark bijection bound
    compare concurrency concurrent consistency contrapositive convergence counterexample
    critique deadlock debug derive design diagnose differentiate distributed eigenvalue evaluate
    formalize generalize hypothesis implement induction inference integral invariant invariants
    justify lemma matrix migrate model optimal optimise optimize polynomial probability proof
    prove race reasoning reconcile recurrence refactor refute rigorous schema simulate solve
    strategy synthesize theorem tradeoff tradeoffs transform verify
    """.split()
)
_EASY_WORDS = frozenset(
    """
    bye capital cheers define definition emoji greeting hello hey hi hola joke list lowercase
    name paraphrase plural pronounce proofread rename rephrase reword rewrite say shorter spell
    synonym thanks title translate translation typo uppercase weather
    """.split()
)
_STEP_WORDS = frozenset(
    """
    after all assume before consider constraint constraints constrained each ensure every except
    finally first given if must next only second show step steps such suppose then third unless
    until while without
    """.split()
)
_WHY_WORDS = frozenset(
    """
    why how explain would should could implications consequences
    """.split()
)


class Features(msgspec.Struct, frozen=True, gc=False):
    """What the lexical classifier looks at; every value is a finite float from 0 up."""

    words: float
    """log1p of the words read."""
    size: float
    """log1p of the bytes of the whole text, read or not."""
    lines: float
    items: float
    questions: float
    code: float
    maths: float
    hard: float
    easy: float
    steps: float
    why: float


FEATURE_NAMES = Features.__struct_fields__


def extract_features(ask: Ask) -> Features:
    """Count the signs in one ask. Pure; time is bounded by the length of `ask.text`."""
    text = ask.text
    words = text.lower().split()
    vocabulary = {word.strip(_EDGES) for word in set(words)}
    return Features(
        words=math.log1p(len(words)),
        size=math.log1p(ask.size),
        lines=math.log1p(text.count("\n")),
        items=math.log1p(len(_LIST_ITEM.findall(text))),
        questions=math.log1p(text.count("?")),
        # Words of code stand beside its punctuation on several lines; in prose most would be found
        # nowhere, at a full pass each.
        code=_count(_CODE_MARKS, text, _CODE_WORDS if "\n" in text and "(" in text else ()),
        maths=_count(_MATHS_MARKS, text, () if text.isascii() else _MATHS_SYMBOLS),
        hard=math.log1p(len(vocabulary & _HARD_WORDS)),
        easy=math.log1p(len(vocabulary & _EASY_WORDS)),
        steps=math.log1p(len(vocabulary & _STEP_WORDS)),
        why=math.log1p(len(vocabulary & _WHY_WORDS)),
    )


def _count(marks: Mapping[str, tuple[str, ...]], text: str, beside: tuple[str, ...] = ()) -> float:
    found = sum(map(text.count, beside))
    for shared, group in marks.items():
        if shared in text:
            found += sum(map(text.count, group))
    return math.log1p(found)

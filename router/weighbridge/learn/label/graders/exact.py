r"""Scores an answer by the prompt's reference: the same answer is 1, another is 0.

Of the answer counts what it declares as its result: the last ``\boxed{…}``, what follows the last
"answer is", "answer:" or "####", or else the whole or its last line. Both sides are normalised:
numbers are compared as numbers, a reference of one letter as the choice it names, and other texts
without case, punctuation, markup and extra whitespace.
"""

import re
import unicodedata
from fractions import Fraction

from weighbridge.learn.label.graders import Mark
from weighbridge.learn.records import PromptLine

_SHOWN_CHARS = 200
_READ_CHARS = 65_536
_BOXES_READ = 20
"""From the end: a model that loops writes thousands."""
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_DECLARED = re.compile(r"(?:\banswer\s*(?:is\b|:|=)|####)[ \t]*:?(?P<rest>[^\n]*)", re.IGNORECASE)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}")
_LATEX_WORD = re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}")
_NUMBER = re.compile(
    r"[-+]?(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:e[-+]?\d{1,3})?(?:\s*/\s*\d+)?", re.IGNORECASE
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_UNITLESS = " $€£%.\u202f\u00a0"
_LONGEST_NUMBER = 60
"""Digits of a longer one would take long to compare, and no reference has them."""
_CHOICE = re.compile(r"[A-J]")
_OPENING_CHOICE = re.compile(r"^\W*([A-J])(?:$|[\s]*[).:,*\]]|\s+(?:because|since)\b)")
_BRACKETED_CHOICE = re.compile(r"[(\[*]([A-J])[)\]*]")
_NOISE = re.compile(r"(?<!\d)[.,]|[.,](?!\d)|[;:!?\"'`\u00b4\u2018-\u201e\u00ab\u00bb()\[\]{}$\\]")


class ExactVerifier:
    """Compares the answer's result with the prompt's `reference`."""

    async def mark(self, prompt: PromptLine, answer: str) -> Mark:
        """Score one answer."""
        found = extract(answer)
        is_right = any(matches(prompt.reference, each) for each in found)
        return Mark(float(is_right), {"found": found[-1][:_SHOWN_CHARS]})


def extract(answer: str) -> list[str]:
    """What an answer gives as its result: one text, or several that may be it. Never empty."""
    answer = answer[-_READ_CHARS:]
    boxed = _last_boxed(answer)
    if boxed is not None:
        return [boxed]
    declared = [match["rest"] for match in _DECLARED.finditer(answer)]
    declared = [text for text in declared if text.strip(" *_:.")]
    if declared:
        return [declared[-1].strip()]
    lines = [line for line in answer.splitlines() if line.strip()]
    return [answer.strip(), lines[-1].strip()] if len(lines) > 1 else [answer.strip()]


def matches(reference: str, found: str) -> bool:
    """Say whether two texts give the same result."""
    reference = (_last_boxed(reference) or reference).strip()
    if _CHOICE.fullmatch(reference):
        return _choice(found) == reference
    number = as_number(reference)
    if number is not None:
        return _last_number(found) == number
    return normalise(reference) == normalise(found)


def as_number(text: str) -> Fraction | None:
    """Read a text that is a number and no more: 1,000 or $3.50 or 50% or 1/2, LaTeX's too."""
    text = _plain(text).strip(_UNITLESS + "*_")
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        return None
    return _fraction(text)


def normalise(text: str) -> str:
    """Take from a text all that doesn't change its meaning."""
    text = _THOUSANDS.sub("", unicodedata.normalize("NFKC", _plain(text)))
    words = (word.strip("*_#~") for word in _NOISE.sub(" ", text).casefold().split())
    return " ".join(word for word in words if word)


def _last_number(text: str) -> Fraction | None:
    whole = as_number(text)
    if whole is not None:
        return whole
    last = text.splitlines()[-1] if text else ""
    # A hyphen after a word or a digit is no minus sign.
    plain = re.sub(r"(?<=\w)-", " ", _plain(last))
    numbers = [match[0] for match in _NUMBER.finditer(plain)]
    return _fraction(numbers[-1]) if numbers and len(numbers[-1]) <= _LONGEST_NUMBER else None


def _fraction(text: str) -> Fraction | None:
    above, _, below = text.replace(",", "").partition("/")
    try:
        return Fraction(above.strip()) / Fraction(below.strip() or "1")
    except (ValueError, ZeroDivisionError):
        return None


def _choice(text: str) -> str | None:
    text = _plain(text)
    opening = _OPENING_CHOICE.match(text)
    if opening:
        return opening[1]
    bracketed = _BRACKETED_CHOICE.findall(text)
    return str(bracketed[-1]) if bracketed else None


def _plain(text: str) -> str:
    """Undo the LaTeX that stands around results."""
    text = _FRACTION.sub(r"\1/\2", _LATEX_WORD.sub(r"\1", text))
    return text.replace("\u2212", "-").replace("\\%", "%").replace("\\$", "$").replace("\\,", "")


def _last_boxed(text: str) -> str | None:
    for match in list(_BOXED.finditer(text))[: -_BOXES_READ - 1 : -1]:
        depth = 1
        for position in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            if depth == 0:
                return text[match.end() : position]
    return None

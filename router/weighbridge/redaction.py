"""Text in, text without what looks personal or secret out, before anything is kept.

Rules find e-mail addresses, runs of digits as phones, cards and accounts have them, and
credentials. They know no names and no places: what must not be kept at all needs the operator's own
hook, or no capture. Each pass over a text takes linear time, whatever the text holds.
"""

import importlib
import re
import time
from collections.abc import Callable

import msgspec

from weighbridge.errors import SettingsError

Hook = Callable[[str], str | None]
"""Takes a text; gives the text to be kept, or None where nothing may be kept."""

EMAIL, NUMBER, SECRET = "[email]", "[number]", "[secret]"

_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk)[-_]|gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|hf_|npm_"
    r"|pypi-|dckr_pat_|gsk_|whsec_|ya29\.|AIza)[\w.-]{12,}+"
    r"|(?<![A-Za-z0-9])A(?:KIA|SIA|ROA|IDA)[A-Z0-9]{16}"
    # A JSON Web Token: two objects in base64, and a signature.
    r"|(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+)?"
    # Digits and letters mixed without a break for long: a hash, a key, an id.
    r"|(?<![A-Za-z0-9])(?=[A-Za-z]{0,64}[0-9])(?=[0-9]{0,64}[A-Za-z])[A-Za-z0-9]{32,}+"
)
_NUMBER = re.compile(
    # Cards by groups of four, or four, six and five; social security numbers.
    r"(?<!\d)\d{4}[ .-]\d{4}[ .-]\d{4}[ .-]\d{1,7}(?!\d)"
    r"|(?<!\d)\d{4}[ .-]\d{6}[ .-]\d{5}(?!\d)"
    r"|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"
    # Phones: with + or a leading 0 in any grouping, else three, three and three or four.
    r"|(?:(?<!\w)\+|(?<!\d)0)\d(?:[ ()./-]{0,2}\d){6,13}(?!\d)"
    r"|\(\+\d{1,4}\)(?:[ ./-]{0,2}\d){6,13}(?!\d)"
    r"|(?:\(\d{3}\)[ .-]?|(?<!\d)\d{3}[ .-])\d{3}[ .-]\d{3,4}(?!\d)"
    r"|(?<!\d)\d{9,}+"
)


def _secrets_in(found: re.Match[str]) -> str:
    return _KEY.sub(SECRET, found.group())


def _numbers_in(found: re.Match[str]) -> str:
    return _NUMBER.sub(NUMBER, found.group())


class _Rule(msgspec.Struct, frozen=True):
    """One kind of thing to be taken out.

    Attributes:
        needles: the pattern can only match where one of these is, in lower case; finding them is
            some fifty times quicker than the pattern.
        pattern: what is taken out, or where to look closer.
        mark: what is put there.
    """

    needles: tuple[str, ...]
    pattern: re.Pattern[str]
    mark: str | Callable[[re.Match[str]], str]


_RULES = (
    _Rule(
        ("private key-----",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        SECRET,
    ),
    # User and password in an address.
    _Rule(("://",), re.compile(r"(?<=://)[^\s/@:]{1,256}+:[^\s/@]{1,256}+@"), f"{SECRET}@"),
    _Rule(
        ("bearer", "basic"),
        re.compile(r"\b(bearer|basic)(\s{1,4})[\w.~+/=-]{8,}+", re.IGNORECASE),
        rf"\1\2{SECRET}",
    ),
    _Rule(
        ("key", "secret", "token", "pass", "pwd"),
        re.compile(
            r"(key(?:[_-]?id)?|secret|token|passw(?:or)?d|passphrase|pwd)"
            r"([\"']?\s{0,4}[:=]\s{0,4}[\"']?)[^\s\"'`,;(){}\[\]<>]{6,}+",
            re.IGNORECASE,
        ),
        rf"\1\2{SECRET}",
    ),
    _Rule(tuple("0123456789-_."), re.compile(r"[\w.-]{15,}+"), _secrets_in),
    _Rule(("@",), re.compile(r"(?<![\w.%+-])[\w.%+-]++@[\w-]++(?:\.[\w-]++)+"), EMAIL),
    # Bank accounts (IBAN), with or without spaces.
    _Rule(
        tuple("0123456789"),
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
        NUMBER,
    ),
    _Rule((), re.compile(r"[+(]{0,2}\d[\d +()./-]{7,}+"), _numbers_in),
)


def redact(text: str) -> str:
    """Put marks in the place of what looks personal or secret.

    Other threads get to run between the rules.
    """
    lowered = text.lower()
    for rule in _RULES:
        if not rule.needles or any(needle in lowered for needle in rule.needles):
            text = rule.pattern.sub(rule.mark, text)
            time.sleep(0)
    return text


def load_hook(path: str) -> Hook:
    """Import the operator's function.

    Args:
        path: `package.module:function`.

    Raises:
        SettingsError: if there is no such function, or its module can't be imported.
    """
    module, _, name = path.partition(":")
    try:
        hook = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise SettingsError(
            f"capture.redact_hook: {path} can't be imported: {type(error).__name__}: {error}; "
            "is its folder on PYTHONPATH?"
        ) from error
    if not callable(hook):
        raise SettingsError(f"capture.redact_hook: expected a function, {path} is none")
    return hook  # type: ignore[no-any-return]

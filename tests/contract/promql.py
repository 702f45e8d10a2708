"""Rules, expressions and expositions in; names of metrics out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
RULES = REPOSITORY / "observability" / "rules"

_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_SELECTOR = re.compile(r"\{[^{}]*\}")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_WORD = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
_KEYWORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end"}
_WINDOW = re.compile(r"\[([^\]]+)\]")

Rule = dict[str, Any]


def names(expression: str) -> set[str]:
    """Metrics that an expression of PromQL reads."""
    bare = _LABELS.sub(" ", _SELECTOR.sub(" ", _STRING.sub("", expression)))
    return {word for word in _WORD.findall(bare) if word.lower() not in _KEYWORDS}


def windows(expression: str) -> set[str]:
    """What stands in an expression's brackets."""
    return set(_WINDOW.findall(_STRING.sub("", expression)))


def rules(path: Path) -> Iterator[Rule]:
    """The rules of a file, alerts among them."""
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def series(exposition: str) -> set[str]:
    """Names of the series of a scrape."""
    lines = (line for line in exposition.splitlines() if line and not line.startswith("#"))
    return {re.split(r"[{ ]", line, maxsplit=1)[0] for line in lines}


FILES = {path.name.removesuffix(".rules.yaml"): path for path in sorted(RULES.glob("*.rules.yaml"))}
"""Files of rules by name."""
ALL = [(name, rule) for name, path in FILES.items() for rule in rules(path)]
"""Every rule, with the name of its file."""
RECORDED = {rule["record"] for _, rule in ALL if "record" in rule}

"""What a turn of a conversation says: an ask, a nod to go on, or text that a program put there.

Coding agents write into the user's turns: reminder blocks, environment listings, reports of their
tools. A router that weighs the last line weighs those. Here they are told apart by their marks.
"""

import re

from weighbridge.excerpt import SEAM

_BLOCKS = (
    "system-reminder",
    "system_reminder",
    "environment_details",
    "environment_context",
    "environment-context",
    "user_instructions",
    "additional_data",
    "additional_context",
    "attached_files",
    "open_and_recently_viewed_files",
    "ide_opened_file",
    "ide_selection",
    "command-name",
    "command-message",
    "command-args",
    "local-command-stdout",
    "local-command-stderr",
    "task_progress",
    "tool_result",
    "function_results",
)
"""Elements that agents add around what a person wrote; never the place of the ask itself."""

_NAMES = "|".join(_BLOCKS)
_MARK = re.compile(rf"<(?=[a-z/])/?(?:{_NAMES})\b")
_INJECTED = re.compile(rf"<({_NAMES})\b[^>]*>.*?(?:</\1>|(?={SEAM})|\Z)", re.DOTALL)
_OPENED_IN_GAP = re.compile(rf"{SEAM}[^<]*(?:<(?!/?(?:{_NAMES})\b)[^<]*)*</(?:{_NAMES})>")

_TOOL_REPORT = re.compile(r"\[[a-z_]+(?: for '[^'\n]*')?\] (?:Result|Error):", re.IGNORECASE)
_NOD_CHARS = 48
_NOD = re.compile(
    r"""(?:(?:ok|okay|yes|yep|yeah|sure|great|good|perfect|thanks|thank\ you|please|now|and|then|
        sí|si|vale|gracias|tak|dobrze|dzięki|ja|gut|danke|oui|merci|да|хорошо|好的?|はい)[\s,.!]*)*
    (?:(?:please\s+)?(?:continue|go\ on|go\ ahead|keep\ going|carry\ on|proceed|resume|next|more|
        do\ it|do\ that|do\ so|retry|try\ again|again|run\ it|apply\ it|commit(?:\ it|\ this)?|
        push\ it|ship\ it|finish\ it|same\ again|lgtm|y|
        continúa|continua|sigue|adelante|weiter|mach\ weiter|dalej|kontynuuj|idź\ dalej|
        continue[rz]|vas-y|продолжай|дальше|继续|続けて|続き)
        (?:\s+(?:please|then|with\ (?:it|that)|on|from\ (?:there|here)))?)?
    [\s.!…)]*""",
    re.IGNORECASE | re.VERBOSE,
)


def spoken_text(text: str) -> str:
    """What is left of a user's text once the blocks that agents inject are out; may be empty."""
    if "<" in text:
        # An excerpt has one seam; a text with many of its own would take a quadratic search.
        if text.count(SEAM) == 1:
            text = _OPENED_IN_GAP.sub(SEAM, text)
        text = _INJECTED.sub("", text)
    text = text.strip()
    return "" if text == SEAM.strip() or _TOOL_REPORT.match(text) else text


def is_continuation(text: str) -> bool:
    """Whether a turn only tells the model to go on, so that an earlier turn says what to do."""
    return len(text) <= _NOD_CHARS and _NOD.fullmatch(text.strip()) is not None

"""One line of an operator's file in, a `PromptLine` out, or why it is none.

Taken are the prompts that `learn` writes, whole request bodies of the APIs that the router reads,
lines of an OpenAI batch file, and the names that data sets give to a prompt. Of a conversation only
the words are kept: `weighbridge.transcript` says which.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from weighbridge.contract import Endpoint
from weighbridge.errors import BodyUnparsedError
from weighbridge.learn.records import PromptLine
from weighbridge.transcript import Message, Transcript, read_transcript

_QUESTIONS = ("prompt", "question", "query", "instruction", "input", "text")
"""Fields that hold a prompt as one string, the likeliest first."""
_SPOKEN_AS = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant"}
_GRADED_BY = ("reference", "pattern", "tests")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Unfit(StrEnum):
    """Why a line is not kept."""

    NOT_JSON = "not a JSON object"
    NO_PROMPT = "no prompt found"
    NO_WORDS = "no words of a user"
    MEDIA = "needs images or audio"
    TOO_LONG = "too long"
    UNWEIGHED = "nothing to weigh"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a line. `detail` never holds words of it."""

    unfit: Unfit
    detail: str = ""


def read_line(raw: bytes, task_field: str = "task") -> PromptLine | Fault:
    """Read one line of any known shape.

    Args:
        raw: the line.
        task_field: which field names the task; a.b looks into the object a.
    """
    try:
        document = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        cut = "" if raw.endswith(b"\n") else "; the file ends here: is it still being written?"
        return Fault(Unfit.NOT_JSON, f"{error}{cut}")
    if isinstance(document, str):
        document = {"prompt": document}
    if not isinstance(document, dict):
        return Fault(Unfit.NOT_JSON, _other_than_object(document))
    found = _transcript(_unpacked(document))
    return found if isinstance(found, Fault) else _prompt_line(document, found, task_field)


def _other_than_object(document: object) -> str:
    if isinstance(document, list):
        return "came a list; write one object a line, as jq -c '.[]' does"
    return f"came a {type(document).__name__}"


def _unpacked(document: dict[str, Any]) -> dict[str, Any]:
    """The request in a line of an OpenAI batch file; any other line as it is."""
    body = document.get("body")
    return body if isinstance(body, dict) else document


def _transcript(document: Mapping[str, Any]) -> Transcript | Fault:
    request = _as_request(document)
    if request is None:
        known = ", ".join(("messages", "conversations", *_QUESTIONS))
        return Fault(Unfit.NO_PROMPT, f"expected one of the fields {known}")
    endpoint, body = request
    try:
        transcript = read_transcript(_encode(body), endpoint)
    except BodyUnparsedError as error:
        return Fault(Unfit.NO_PROMPT, str(error))
    if transcript.has_media:
        return Fault(Unfit.MEDIA)
    return transcript if transcript.messages else Fault(Unfit.NO_WORDS)


def _as_request(document: Mapping[str, Any]) -> tuple[Endpoint, dict[str, Any]] | None:
    """The line as the body of a request; None if no field of it holds a prompt."""
    beside = {name: document[name] for name in ("system", "instructions") if name in document}
    for name in ("messages", "prompt"):
        if _is_chat(document.get(name)):
            return Endpoint.CHAT, {**beside, "messages": document[name]}
    if _is_chat(document.get("conversations")):
        messages = [_as_message(turn) for turn in document["conversations"]]
        return Endpoint.CHAT, {**beside, "messages": messages}
    if isinstance(document.get("input"), list):
        return Endpoint.RESPONSES, {**beside, "input": document["input"]}
    for name in _QUESTIONS:
        text = document.get(name)
        if isinstance(text, str):
            if name == "instruction" and isinstance(document.get("input"), str):
                text = f"{text}\n\n{document['input']}".strip()
            return Endpoint.RESPONSES, {**beside, "input": text}
    return None


def _is_chat(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _as_message(turn: Mapping[str, Any]) -> dict[str, Any]:
    speaker = str(turn.get("role", turn.get("from", "")))
    content = turn.get("content", turn.get("value", ""))
    return {"role": _SPOKEN_AS.get(speaker, speaker), "content": content}


def _prompt_line(
    document: Mapping[str, Any], transcript: Transcript, task_field: str
) -> PromptLine:
    said = transcript.messages
    bare = len(said) == 1 and said[0].role == "user"
    return PromptLine(
        id=_text(document.get("id", document.get("custom_id"))),
        prompt=said[0].content if bare else "",
        messages=[] if bare else [_plain(message) for message in said],
        task=_text(_field(document, task_field)),
        **{name: _text(document.get(name)) for name in _GRADED_BY},
    )


def _plain(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.content}


def _field(document: Mapping[str, Any], path: str) -> object:
    value: Any = document
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: object) -> str:
    """A string, or a number as one; "" for what is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)

"""Request bodies and settings as the tests of the router core need them."""

import json
from pathlib import Path
from typing import Any

from weighbridge.contract import Endpoint
from weighbridge.prompt import Prompt, read_prompt
from weighbridge.settings import Limits, Settings

HARD = (
    "Prove that the algorithm below terminates, derive a tight asymptotic bound for it, and then "
    "compare it step by step with a distributed implementation under concurrency: why is the "
    "invariant preserved?\n\n1. state the invariant\n2. justify each step\n\n"
    "def run(x):\n    while x != 1: x = x // 2 if x % 2 == 0 else 3 * x + 1\n    return x\n"
)
EASY = "Hi! What is the capital of France?"


def encode(document: Any, *, ascii_only: bool = True) -> bytes:
    return json.dumps(document, ensure_ascii=ascii_only).encode()


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any = "Done.") -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def chat(*asks: Any, **fields: Any) -> bytes:
    """A chat request: the user's turns, each but the last one answered."""
    messages = [message for ask in asks for message in (user(ask), assistant())][:-1]
    return encode({"model": "auto", "messages": messages, **fields})


def text_part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def read(body: bytes, endpoint: Endpoint = Endpoint.CHAT, **limits: Any) -> Prompt:
    return read_prompt(body, endpoint, Limits(**limits))


def make_settings(**sections: Any) -> Settings:
    return Settings(**sections)


def write_settings(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path

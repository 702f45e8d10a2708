"""One request of a test's traffic: sent, its answer read to the end, and what became of it."""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
from weighbridge.contract import HEADER_REASON, HEADER_TIER

from weighbridge_lab.ledger import Kind, Outcome, Record

EASY: Final = "What is the capital of France?"
HARD: Final = (
    "Design a consistent distributed lock for a cluster whose network partitions and whose clocks "
    "drift. Prove step by step that no two holders ever act at once, derive how long a client "
    "waits at worst, and compare your design with a lease that is renewed: where does each fail?"
)
MIX: Final = (
    Kind.EASY_STREAM,
    Kind.HARD_STREAM,
    Kind.EASY,
    Kind.HARD,
    Kind.EASY_STREAM,
    Kind.MODELS,
    Kind.HARD_STREAM,
    Kind.EASY,
    Kind.HARD,
    Kind.EASY_STREAM,
)
"""Sent over and over: half of it streams, one in ten asks for the models."""

_GOOD: Final = range(200, 300)
_STREAMS: Final = (Kind.EASY_STREAM, Kind.HARD_STREAM)
_LAST_EVENT: Final = b"data: [DONE]"
_TAIL_BYTES: Final = 512  # the whole of an error


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where requests go, and how.

    Attributes:
        url: of the endpoint, without /v1.
        headers: sent with each; `host` among them is believed.
        max_tokens: length of answers; a stream takes as long as the pool takes for them.
        timeout_s: from sending to the last byte.
        authority: file of the CA that signed the endpoint's certificate; None: the system's.
        server_name: that the certificate must name; None: the host of `url`.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    max_tokens: int = 16
    timeout_s: float = 30.0
    authority: Path | None = None
    server_name: str | None = None


class Client:
    """Sends requests to one target, over connections that are kept, as clients of models do."""

    def __init__(self, target: Target) -> None:
        self._chat = f"{target.url.rstrip('/')}/v1/chat/completions"
        self._models = f"{target.url.rstrip('/')}/v1/models"
        self._bodies = _bodies(target.max_tokens)
        self._server_name = target.server_name
        context = ssl.create_default_context(cafile=target.authority) if target.authority else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
            headers={"content-type": "application/json", **target.headers},
            timeout=aiohttp.ClientTimeout(total=target.timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def ask(self, kind: Kind) -> Record:
        """Send one request and read its answer; whatever happens, say what."""
        started = time.monotonic()
        outcome, answer, error, code = Outcome.UNANSWERED, None, None, None
        try:
            async with self._request(kind) as answer:
                good = answer.status in _GOOD
                outcome = Outcome.CUT if good else Outcome.REFUSED
                end = _LAST_EVENT if kind in _STREAMS else b"}"
                tail = await _tail(answer)
                if good and tail.endswith(end):
                    outcome = Outcome.COMPLETE
                code = None if good else _code(tail)
        except asyncio.CancelledError:
            outcome = Outcome.ABANDONED
        except (aiohttp.ClientError, OSError) as fault:  # a TimeoutError is an OSError
            error = type(fault).__name__
        return Record(
            kind=kind,
            started=started,
            seconds=time.monotonic() - started,
            outcome=outcome,
            status=answer.status if answer else None,
            tier=answer.headers.get(HEADER_TIER) if answer else None,
            reason=answer.headers.get(HEADER_REASON) if answer else None,
            error=error,
            code=code,
        )

    def _request(self, kind: Kind) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        method, url = ("GET", self._models) if kind is Kind.MODELS else ("POST", self._chat)
        return self._session.request(
            method,
            url,
            data=self._bodies.get(kind),
            allow_redirects=False,
            server_hostname=self._server_name,
        )


def _bodies(max_tokens: int) -> dict[Kind, bytes]:
    prompts = {
        Kind.EASY: EASY,
        Kind.EASY_STREAM: EASY,
        Kind.HARD: HARD,
        Kind.HARD_STREAM: HARD,
    }
    return {kind: _body(prompt, kind in _STREAMS, max_tokens) for kind, prompt in prompts.items()}


def _body(prompt: str, streamed: bool, max_tokens: int) -> bytes:
    messages = [{"role": "user", "content": prompt}]
    request = {
        "model": "auto",
        "messages": messages,
        "max_tokens": max_tokens,
        "ignore_eos": True,  # of vLLM: exactly as many tokens
        "stream": streamed,
    }
    return json.dumps(request).encode()


async def _tail(answer: aiohttp.ClientResponse) -> bytes:
    """Read an answer to its end; returns its last bytes, less white space."""
    tail = b""
    async for chunk in answer.content.iter_any():
        tail = (tail + chunk)[-_TAIL_BYTES:]
    return tail.rstrip()


def _code(document: bytes) -> str | None:
    """Read the code of an error in OpenAI's shape; None: it has another shape."""
    try:
        error = json.loads(document)["error"]
        return str(error["code"])
    except (ValueError, LookupError, TypeError):
        return None

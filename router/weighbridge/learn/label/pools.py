"""A server that is asked through the OpenAI API: messages in; a `Reply`, or a `Trouble`, out.

The client's own retries are off: each attempt has to be on the books before it is made.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast

import msgspec
import openai
from openai.types.chat import ChatCompletion

from weighbridge.errors import LearnError
from weighbridge.learn.label.options import Endpoint, LabelOptions, Role, Sampling, Tokens
from weighbridge.learn.label.plan import estimate_tokens, text_tokens
from weighbridge.learn.label.troubles import Kind, Trouble, understand

_CONNECT_S = 10.0
_PROBE_S = 15.0
_NO_KEY = "none"
"""vLLM without --api-key takes any; the client insists on one."""
_NO_LIST = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)
"""What gateways without /models say."""
_MOST_TOKENS = 10_000_000
"""A count beyond this is no count."""

Messages = Sequence[Mapping[str, Any]]


class Reply(msgspec.Struct, frozen=True):
    """An answer; `counted`: its tokens are the server's count, not our estimate."""

    text: str
    model: str
    finish: str
    tokens: Tokens
    counted: bool
    seconds: float


def key_variable(role: Role) -> str:
    """The environment variable that holds the API key for a role."""
    return f"WEIGHBRIDGE_{role.upper()}_API_KEY"


class Pool:
    """One server, with room for so many requests at once. An async context manager.

    Args:
        role: whose answers it gives.
        endpoint: where it is; its model must be named.
        sampling: how its answers are drawn.
        concurrency: requests in flight at once.
        timeout_s: seconds from sending to the end of the answer.
    """

    def __init__(
        self,
        role: Role,
        endpoint: Endpoint,
        sampling: Sampling,
        *,
        concurrency: int = 16,
        timeout_s: float = 300.0,
    ) -> None:
        self.role = role
        self.endpoint = endpoint
        self.room = asyncio.Semaphore(concurrency)
        self._sampling = sampling
        self._timeout_s = timeout_s
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.url,
            api_key=os.environ.get(key_variable(role), "").strip() or _NO_KEY,
            max_retries=0,
            timeout=openai.Timeout(timeout_s, connect=_CONNECT_S),
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    def most(self, messages: Messages) -> Tokens:
        """The most that a request can take."""
        return Tokens(estimate_tokens(messages), self._sampling.max_tokens)

    async def attempt(self, messages: Messages) -> Reply | Trouble:
        """Ask once."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                completion = await self._client.chat.completions.create(
                    model=self.endpoint.model,
                    messages=cast("Any", messages),
                    max_tokens=self._sampling.max_tokens,
                    temperature=self._sampling.temperature,
                    seed=self._sampling.seed,
                )
        except (openai.OpenAIError, TimeoutError, ValueError) as error:
            return understand(error, self._timeout_s)
        return _reply(completion, messages, time.monotonic() - begun)

    async def models(self) -> list[str]:
        """The names that the server lists; none where it has no such list.

        Raises:
            LearnError: it can't be reached, or refuses the key.
        """
        try:
            page = await self._client.models.list(timeout=_PROBE_S)
        except (openai.OpenAIError, ValueError) as error:
            if getattr(error, "status_code", None) in _NO_LIST:
                return []
            trouble = understand(error, _PROBE_S)
            raise LearnError(f"{self.name} can't be asked: {trouble.words}") from error
        data = getattr(page, "data", None)
        return [model.id for model in data or [] if isinstance(model.id, str)]

    @property
    def name(self) -> str:
        """For people: the role and the address."""
        what = "judge" if self.role is Role.JUDGE else f"{self.role} pool"
        return f"the {what} at {self.endpoint.url}"


def _reply(completion: object, messages: Messages, seconds: float) -> Reply | Trouble:
    # The client checks no types: a web page with status 200 arrives here as a text.
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        return Trouble(Kind.BROKEN, "expected a chat completion, came something else")
    choice = completion.choices[0]
    text = _clean(getattr(choice.message, "content", None))
    tokens = _usage(completion.usage)
    return Reply(
        text=text,
        model=_clean(completion.model),
        finish=_clean(choice.finish_reason),
        tokens=tokens or Tokens(estimate_tokens(messages), text_tokens(text)),
        counted=tokens is not None,
        seconds=round(seconds, 4),
    )


def _clean(text: object) -> str:
    """A text that can be written: lone surrogates can't."""
    return text.encode(errors="replace").decode() if isinstance(text, str) else ""


def _usage(usage: object) -> Tokens | None:
    given = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    if all(isinstance(count, int) and 0 <= count <= _MOST_TOKENS for count in given):
        return Tokens(*cast("list[int]", given))
    return None


async def settle_models(options: LabelOptions) -> dict[Role, str]:
    """Reach every server once, and name the model of each.

    Raises:
        LearnError: one can't be reached, or lists no model and none was named.
    """
    async with AsyncExitStack() as stack:
        pools = [
            await stack.enter_async_context(Pool(role, endpoint, Sampling()))
            for role, endpoint in options.endpoints.items()
        ]
        return {pool.role: await _settle(pool) for pool in pools}


async def _settle(pool: Pool) -> str:
    listed = await pool.models()
    if pool.endpoint.model:
        return pool.endpoint.model
    if not listed:
        raise LearnError(f"{pool.name} lists no model: name one with --{pool.role}-model")
    return listed[0]

"""Request bodies of five API shapes in, a frozen `Call` out, or an `ApiError` that says why not.

Only what changes the simulator's answer is read; the many other fields are let pass, as vLLM does.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, TypeVar

import msgspec

from weighbridge_simulator.errors import ApiError
from weighbridge_simulator.prompts import (
    ABSENT,
    Part,
    Prompt,
    Turn,
    flatten,
    read_conversation,
    read_texts,
)

_COMPLETION_MAX_TOKENS = 16
"""OpenAI's default for /v1/completions, and vLLM's."""


class Endpoint(StrEnum):
    """The API shapes, by path."""

    CHAT = "/v1/chat/completions"
    COMPLETIONS = "/v1/completions"
    EMBEDDINGS = "/v1/embeddings"
    RESPONSES = "/v1/responses"
    MESSAGES = "/v1/messages"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request for tokens, or for embeddings.

    Attributes:
        model: name asked for; "" stands for whatever is served.
        prompts: at least one; more only in completions and embeddings.
        n: answers per prompt.
        max_tokens: most tokens of an answer; None leaves it to the context length.
        min_tokens: fewest.
        ignore_eos: answer with as many tokens as are allowed.
        stream: answer by server-sent events.
        include_usage: a stream ends in a chunk with the usage.
        seed: another seed, another answer.
        stop: the answer ends before the first of these.
    """

    model: str
    prompts: tuple[Prompt, ...]
    n: int = 1
    max_tokens: int | None = None
    min_tokens: int = 0
    ignore_eos: bool = False
    stream: bool = False
    include_usage: bool = False
    seed: int | None = None
    stop: tuple[str, ...] = ()


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


_Count = Annotated[int, msgspec.Meta(ge=1)]
_Choices = Annotated[int, msgspec.Meta(ge=1, le=128)]
_Turns = Annotated[list[Turn], msgspec.Meta(min_length=1)]
_Texts = str | Annotated[list[str | int | list[int]], msgspec.Meta(min_length=1)]


class _Sampling(msgspec.Struct, gc=False, kw_only=True):
    model: str | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = 0
    ignore_eos: bool = False
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    seed: int | None = None
    stop: str | list[str] | None = None


class _ChatBody(_Sampling, gc=False, kw_only=True):
    messages: _Turns
    n: _Choices | None = 1
    tools: msgspec.Raw = ABSENT
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None


class _CompletionBody(_Sampling, gc=False, kw_only=True):
    prompt: _Texts
    n: _Choices | None = 1
    max_tokens: _Count | None = None


class _ResponsesBody(_Sampling, gc=False, kw_only=True):
    input: str | _Turns
    instructions: str | None = None
    tools: msgspec.Raw = ABSENT
    max_output_tokens: _Count | None = None


class _MessagesBody(_Sampling, gc=False, kw_only=True):
    messages: _Turns
    max_tokens: _Count
    system: str | list[Part] | None = None
    tools: msgspec.Raw = ABSENT
    stop_sequences: list[str] | None = None


class _EmbeddingsBody(msgspec.Struct, gc=False, kw_only=True):
    input: _Texts
    model: str | None = None


_Body = TypeVar("_Body")

_read_chat = msgspec.json.Decoder(_ChatBody).decode
_read_completion = msgspec.json.Decoder(_CompletionBody).decode
_read_responses = msgspec.json.Decoder(_ResponsesBody).decode
_read_messages = msgspec.json.Decoder(_MessagesBody).decode
_read_embeddings = msgspec.json.Decoder(_EmbeddingsBody).decode


def read_call(endpoint: Endpoint, body: bytes) -> Call:
    """Understand a request body.

    Raises:
        ApiError: 400 when it is not JSON, lacks a field, or has a value that can't be.
    """
    return _READERS[endpoint](body)


def _chat(body: bytes) -> Call:
    request = _decoded(_read_chat, body)
    limit = request.max_completion_tokens or request.max_tokens
    prompt = read_conversation(request.messages, bytes(request.tools), "")
    return _call(request, (prompt,), limit, _stops(request.stop), request.n)


def _completion(body: bytes) -> Call:
    request = _decoded(_read_completion, body)
    limit = request.max_tokens or _COMPLETION_MAX_TOKENS
    prompts = read_texts(request.prompt, "prompt")
    return _call(request, prompts, limit, _stops(request.stop), request.n)


def _responses(body: bytes) -> Call:
    request = _decoded(_read_responses, body)
    asked = request.input
    turns = [Turn(role="user", content=asked)] if isinstance(asked, str) else asked
    prompt = read_conversation(turns, bytes(request.tools), request.instructions or "")
    return _call(request, (prompt,), request.max_output_tokens, ())


def _messages(body: bytes) -> Call:
    request = _decoded(_read_messages, body)
    system, _ = flatten(request.system)
    prompt = read_conversation(request.messages, bytes(request.tools), system)
    return _call(request, (prompt,), request.max_tokens, _stops(request.stop_sequences))


def _embeddings(body: bytes) -> Call:
    request = _decoded(_read_embeddings, body)
    return Call(model=request.model or "", prompts=read_texts(request.input, "input"))


_READERS: dict[Endpoint, Callable[[bytes], Call]] = {
    Endpoint.CHAT: _chat,
    Endpoint.COMPLETIONS: _completion,
    Endpoint.EMBEDDINGS: _embeddings,
    Endpoint.RESPONSES: _responses,
    Endpoint.MESSAGES: _messages,
}


def _decoded(decode: Callable[[bytes], _Body], body: bytes) -> _Body:
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise ApiError(400, f"1 validation error: {error}", param=_field_of(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"expected a JSON document: {error}") from error


def _field_of(error: msgspec.ValidationError) -> str | None:
    """The field that msgspec names: "... missing required field `messages`", "... - at `$.n`"."""
    quoted = str(error).split("`")
    names = [name.removeprefix("$.") for name in quoted[1::2]]
    fields = [name for name in names if name not in {"$", "null", "int", "str", "array", "object"}]
    return fields[-1] if fields else None


def _call(
    request: _Sampling,
    prompts: tuple[Prompt, ...],
    limit: int | None,
    stop: tuple[str, ...],
    n: int | None = 1,
) -> Call:
    options = request.stream_options
    return Call(
        model=request.model or "",
        prompts=prompts,
        n=n or 1,
        max_tokens=limit,
        min_tokens=request.min_tokens or 0,
        ignore_eos=request.ignore_eos,
        stream=bool(request.stream),
        include_usage=bool(options and options.include_usage),
        seed=request.seed,
        stop=stop,
    )


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    given = [stop] if isinstance(stop, str) else stop or []
    return tuple(text for text in given if text)

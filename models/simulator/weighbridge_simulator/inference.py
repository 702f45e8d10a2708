"""One inference request, from the parsed call to the bytes of its answer, for all five shapes."""

import asyncio
import time
import zlib
from collections.abc import AsyncGenerator, Callable

from weighbridge_simulator.answers import Answer, Answerer
from weighbridge_simulator.calls import Call, Endpoint
from weighbridge_simulator.completions import ChatReply, CompletionReply, embeddings_body
from weighbridge_simulator.engine import Engine
from weighbridge_simulator.errors import injected, too_long, unknown_model
from weighbridge_simulator.failures import FailurePlan, Failures
from weighbridge_simulator.messages import MessagesReply
from weighbridge_simulator.prompts import Prompt
from weighbridge_simulator.responses import ResponsesReply
from weighbridge_simulator.sequences import Generation
from weighbridge_simulator.settings import Settings
from weighbridge_simulator.shapes import Header, Output, Reply, Usage
from weighbridge_simulator.tokens import hash_blocks

_REPLIES: dict[Endpoint, Callable[[Header], Reply]] = {
    Endpoint.CHAT: ChatReply,
    Endpoint.COMPLETIONS: CompletionReply,
    Endpoint.RESPONSES: ResponsesReply,
    Endpoint.MESSAGES: MessagesReply,
}
_ABSURD_TOKENS = 10**15


class ConnectionCut(Exception):  # noqa: N818  # not a fault, but what was asked for
    """The client's connection is to be dropped here."""


class Inference:
    """A request in work: awaited once, by `whole` or by `events`.

    Args:
        call: what was asked.
        header: of the answer.
        generation: its state in the engine.
        answers: what will be said, in the order of the generation's sequences.
        failures: in force when it came.
        is_cut: drop the connection when half is said.
    """

    def __init__(
        self,
        call: Call,
        header: Header,
        generation: Generation,
        answers: list[Answer],
        failures: Failures,
        *,
        is_cut: bool,
    ) -> None:
        self._call = call
        self._header = header
        self.generation = generation
        self._answers = answers
        self._garbage = failures.garbage_usage
        self._is_cut = is_cut
        self._sent = [0] * len(answers)

    async def whole(self, endpoint: Endpoint, dimensions: int) -> bytes:
        """The body of an answer that is not streamed.

        Raises:
            ConnectionCut: when the connection is to be dropped instead.
        """
        while self.generation.unfinished:
            await self.generation.changed()
        if self._is_cut:
            raise ConnectionCut
        usage = self._usage(sum(len(answer.pieces) for answer in self._answers))
        if endpoint is Endpoint.EMBEDDINGS:
            keys = [zlib.crc32(prompt.content) for prompt in self._call.prompts]
            return embeddings_body(self._header, keys, dimensions, usage)
        outputs = [Output("".join(answer.pieces), answer.finish) for answer in self._answers]
        return _REPLIES[endpoint](self._header).whole(outputs, usage)

    async def events(self, endpoint: Endpoint) -> AsyncGenerator[bytes, None]:
        """Server-sent events as the tokens come, several at once for a client that reads slowly.

        Raises:
            ConnectionCut: half way, when the connection is to be dropped there.
        """
        reply = _REPLIES[endpoint](self._header)
        total = sum(len(answer.pieces) for answer in self._answers)
        opening = reply.opening(self._usage(0))
        unfinished = True
        while unfinished:
            await self.generation.changed()
            unfinished = self.generation.unfinished > 0
            events = [opening, *self._fresh(reply)]
            opening = b""
            if self._is_cut and sum(self._sent) * 2 >= total:
                raise ConnectionCut
            if not unfinished:
                events.append(reply.closing(self._usage(total)))
            yield b"".join(events)

    def _fresh(self, reply: Reply) -> list[bytes]:
        """Events for the tokens that were produced since the last call."""
        events = []
        for index, sequence in enumerate(self.generation.sequences):
            answer = self._answers[index]
            for position in range(self._sent[index], sequence.produced):
                is_last = position + 1 == len(answer.pieces)
                finish = answer.finish if is_last else None
                events.append(reply.delta(index, answer.pieces[position], finish))
            self._sent[index] = sequence.produced
        return events

    def _usage(self, completion_tokens: int) -> Usage | None:
        prompt_tokens = sum(prompt.tokens for prompt in self._call.prompts)
        match self._garbage:
            case "missing":
                return None
            case "negative":
                return Usage(-prompt_tokens, -completion_tokens)
            case "absurd":
                return Usage(prompt_tokens + _ABSURD_TOKENS, completion_tokens + _ABSURD_TOKENS)
            case "none":
                return Usage(prompt_tokens, completion_tokens)


class Pool:
    """What all requests share, and the checks that each has to pass.

    Args:
        settings: names and lengths.
        engine: where tokens come from.
        answerer: where their text comes from.
        plan: what goes wrong on purpose.
    """

    def __init__(
        self, settings: Settings, engine: Engine, answerer: Answerer, plan: FailurePlan
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._answerer = answerer
        self._plan = plan

    def accept(self, endpoint: Endpoint, call: Call, request_id: str) -> Inference:
        """Put a call into the engine; `release` it in the end.

        Raises:
            ApiError: for a model that is not served, a prompt that is too long, or by injection.
        """
        self._check_model(call.model)
        answers = self._answers(endpoint, call)
        fate = self._plan.draw()
        if fate.error_status is not None:
            raise injected(fate.error_status)
        header = Header(
            id=request_id,
            created=int(time.time()),
            model=self._answering_model(call.model),
            choices=len(answers),
            include_usage=call.include_usage,
        )
        generation = Generation(
            asyncio.get_running_loop().time(),
            wakes_per_token=call.stream,
            max_tokens=call.max_tokens,
            n=call.n,
            stalls=fate.stalls,
        )
        self._add_sequences(generation, call, answers)
        self._engine.submit(generation)
        return Inference(call, header, generation, answers, self._plan.current, is_cut=fate.is_cut)

    def release(self, inference: Inference) -> None:
        """Free what a request holds, if it is not at its end."""
        self._engine.abort(inference.generation)

    def _check_model(self, model: str) -> None:
        settings = self._settings
        if model and not settings.any_model and model not in settings.served_model_names:
            raise unknown_model(model)

    def _answering_model(self, model: str) -> str:
        return model if model and self._settings.echo_model else self._settings.primary_model

    def _answers(self, endpoint: Endpoint, call: Call) -> list[Answer]:
        answers = []
        for prompt in call.prompts:
            limit = self._limit(call, prompt)
            if endpoint is Endpoint.EMBEDDINGS:
                answers.append(Answer([], "stop"))
                continue
            answers += [
                self._answerer.answer(call, prompt, index, limit) for index in range(call.n)
            ]
        return answers

    def _limit(self, call: Call, prompt: Prompt) -> int:
        """Most tokens that `prompt` may be answered with."""
        longest = self._settings.max_model_len
        wanted = call.max_tokens or 1
        if prompt.tokens + wanted > longest:
            raise too_long(prompt.tokens, wanted, longest)
        return call.max_tokens or longest - prompt.tokens

    def _add_sequences(self, generation: Generation, call: Call, answers: list[Answer]) -> None:
        settings = self._settings
        each = len(answers) // len(call.prompts)
        for position, prompt in enumerate(call.prompts):
            hashes: tuple[int, ...] = ()
            if settings.prefix_caching:
                hashes = hash_blocks(prompt.content, settings.block_size)
            for answer in answers[position * each : (position + 1) * each]:
                generation.add(prompt.tokens, hashes, len(answer.pieces), answer.finish)

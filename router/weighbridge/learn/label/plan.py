"""What a run may take, before anything is spent: prompts in; requests, tokens and dollars out.

Tokens are estimated, four bytes each; nothing here knows a model's tokenizer. What was paid for by
earlier runs is left out, and their answers say how long answers are.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from weighbridge.learn.label.intake import Numbered
from weighbridge.learn.label.journal import Key, Paid
from weighbridge.learn.label.options import LabelOptions, Method, Role, Tokens

TYPICAL_ANSWER = 300
"""Tokens of an answer, while none has come: a guess at instruction models' answers."""
TYPICAL_VERDICT = 150
"""Tokens of a judge's reply, likewise."""
JUDGE_FRAME = 250
"""Tokens of the judge's instructions."""
ORDERS = 2
"""The judge sees both answers in both orders."""

_BYTES_PER_TOKEN = 4
_PER_MESSAGE = 4
_MEDIA = 500
"""Tokens of an image or a sound; servers differ widely."""


def estimate_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    """Tokens of a chat, roughly."""
    return sum(_PER_MESSAGE + _content(message.get("content")) for message in messages)


def text_tokens(text: str) -> int:
    """Tokens of a text, roughly."""
    return math.ceil(len(text.encode(errors="replace")) / _BYTES_PER_TOKEN)


def _content(content: object) -> int:
    if isinstance(content, str):
        return text_tokens(content)
    if not isinstance(content, list):
        return 0
    texts = [part.get("text") if isinstance(part, dict) else None for part in content]
    return sum(text_tokens(text) if isinstance(text, str) else _MEDIA for text in texts)


class Share(msgspec.Struct, frozen=True):
    """What one role is likely to take, and at most.

    Attributes:
        requests: still to be sent.
        likely: tokens, were answers as long as before.
        most: tokens, were every answer as long as it may be.
    """

    requests: int
    likely: Tokens
    most: Tokens


def estimate(
    options: LabelOptions,
    method: Method,
    prompts: Sequence[Numbered],
    paid: Mapping[Key, Paid],
) -> dict[Role, Share]:
    """Estimate what is still to be asked, by role."""
    shares = {role: _pool_share(options, role, prompts, paid) for role in (Role.SMALL, Role.LARGE)}
    if method is Method.JUDGE:
        shares[Role.JUDGE] = _judge_share(options, prompts, paid)
    return shares


def _pool_share(
    options: LabelOptions, role: Role, prompts: Sequence[Numbered], paid: Mapping[Key, Paid]
) -> Share:
    open_ = [each.prompt for each in prompts if Key(each.prompt.id, role) not in paid]
    limit = options.sampling.max_tokens
    typical = min(limit, _mean_answer(paid, role) or TYPICAL_ANSWER)
    sent = sum(estimate_tokens(prompt.chat()) for prompt in open_)
    count = len(open_)
    return Share(count, Tokens(sent, count * typical), Tokens(sent, count * limit))


def _judge_share(
    options: LabelOptions, prompts: Sequence[Numbered], paid: Mapping[Key, Paid]
) -> Share:
    judged = {key.id for key in paid if key.role is Role.JUDGE}
    open_ = [each.prompt for each in prompts if each.prompt.id not in judged]
    count = ORDERS * len(open_)
    frame = ORDERS * sum(estimate_tokens(prompt.chat()) + JUDGE_FRAME for prompt in open_)
    answer = options.sampling.max_tokens
    typical = sum(
        min(answer, _mean_answer(paid, role) or TYPICAL_ANSWER) for role in (Role.SMALL, Role.LARGE)
    )
    limit = options.judge_sampling.max_tokens
    verdict = min(limit, _mean_answer(paid, Role.JUDGE) or TYPICAL_VERDICT)
    return Share(
        count,
        Tokens(frame + count * typical, count * verdict),
        Tokens(frame + count * 2 * answer, count * limit),
    )


def _mean_answer(paid: Mapping[Key, Paid], role: Role) -> int:
    lengths = [entry.tokens.output for key, entry in paid.items() if key.role is role]
    return math.ceil(sum(lengths) / len(lengths)) if lengths else 0


def print_plan(
    console: Console,
    options: LabelOptions,
    models: Mapping[Role, str],
    shares: Mapping[Role, Share],
) -> None:
    """Print what is still to be asked and what it is likely to cost."""
    table = Table(box=None, pad_edge=False)
    for title in ("", "model", "requests", "tokens in", "tokens out", "at most", "likely", "most"):
        text = title in {"", "model"}
        table.add_column(title, justify="left" if text else "right", overflow="fold")
    for role, share in shares.items():
        table.add_row(
            role,
            models[role],
            f"{share.requests:,}",
            f"{share.likely.input:,}",
            f"{share.likely.output:,}",
            f"{share.most.output:,}",
            _money(options, role, share.likely),
            _money(options, role, share.most),
        )
    console.print(table)
    cost = f"likely cost {total(options, shares)}; tokens are estimated, at 4 bytes each"
    console.print(cost, highlight=False, soft_wrap=True)


def total(options: LabelOptions, shares: Mapping[Role, Share]) -> str:
    """The likely cost of all, and at most, as a text."""
    lacking = [f"--{role}-price" for role in shares if options.endpoints[role].price is None]
    if lacking:
        return f"unknown without {', '.join(lacking)}"
    likely = most = 0.0
    for role, share in shares.items():
        if price := options.endpoints[role].price:
            likely += price.dollars(share.likely)
            most += price.dollars(share.most)
    return f"{money(likely)}, at most {money(most)}"


def money(dollars: float) -> str:
    """Dollars for a person: cents suffice from one dollar on."""
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.4f}"


def _money(options: LabelOptions, role: Role, tokens: Tokens) -> str:
    price = options.endpoints[role].price
    return money(price.dollars(tokens)) if price else "?"

"""What fits where in, tables for a person or JSON for a programme out."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from weighbridge.sizing.gpus import COUNTS
from weighbridge.sizing.memory import weight_bytes
from weighbridge.sizing.placement import (
    Placement,
    gibibytes,
    known_architecture,
    least,
    place,
    way_out,
)
from weighbridge.sizing.question import DEFAULT_CONTEXT, Question, Row

_WIDEST = 1000


def print_fits(console: Console, question: Question) -> None:
    """Print models by GPU types: fewest GPUs that hold one, and tokens of KV cache."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("weights")
    table.add_column("GiB", justify="right")
    for name in question.gpus:
        table.add_column(name.removeprefix("nvidia-"), justify="right", no_wrap=True)
    previous = None
    for row in question.rows():
        name = "" if row.model is previous else row.model.name
        table.add_row(name, row.serving.precision, _weights(row), *map(_cell, row.least.values()))
        previous = row.model
    console.width = _width(console, table)
    console.print(table)
    console.print()
    for line in _legend(question):
        _say(console, line)


def print_arithmetic(console: Console, question: Question) -> None:
    """Print the sums for each model, precision and GPU type: fewest GPUs, or why not even eight."""
    for model in question.models:
        for serving in question.servings(model):
            for gpu in question.gpus.values():
                found = least(model, gpu, serving) or place(model, gpu, COUNTS[-1], serving)
                for line in found.explain():
                    _say(console, line)
                console.print()
            _say(console, f"{way_out(model, question.gpus.values(), serving)}\n")


def fits_json(question: Question) -> str:
    """Make JSON of it: an entry for each model, precision and GPU type."""
    entries = [
        _entry(row, name, placement)
        for row in question.rows()
        for name, placement in row.least.items()
    ]
    return json.dumps(entries, indent=2)


def _entry(row: Row, gpu: str, placement: Placement | None) -> dict[str, object]:
    asked = {
        "model": row.model.name,
        "tier": row.model.tier,
        "precision": str(row.serving.precision),
        "gpu": gpu,
        "context": row.serving.context,
        "sequences": row.serving.sequences,
    }
    if placement is None:
        return {**asked, "fits": False}
    return {
        **asked,
        "fits": True,
        "count": placement.count,
        "kv_tokens": placement.kv_tokens,
        "full_sequences": placement.full_sequences,
        "dollars_per_hour": placement.cents / 100,
        "usable_bytes": placement.usable,
        "need_bytes": asdict(placement.need),
    }


def _width(console: Console, table: Table) -> int:
    """As wide as it is: a figure that is cut off says nothing."""
    options = console.options.update(max_width=_WIDEST)
    return max(console.width, console.measure(table, options=options).maximum)


def _weights(row: Row) -> str:
    return gibibytes(weight_bytes(known_architecture(row.model), row.serving.precision))


def _cell(placement: Placement | None) -> str:
    if placement is None:
        return "-"
    return f"{placement.count}x {placement.kv_tokens // 1000}k"


def _legend(question: Question) -> tuple[str, ...]:
    serving = question.serving
    context = question.context or f"{DEFAULT_CONTEXT} (or the model's window)"
    return (
        (
            f"Fewest GPUs (of {', '.join(map(str, COUNTS))}) that hold {serving.sequences} "
            f"sequence(s) of {context} tokens, and thousands of tokens of KV cache; -: none do, or "
            "none compute in that precision."
        ),
        (
            f"Of each GPU's memory {serving.permille / 10:g} % may be used. The arithmetic: "
            "--model NAME. How far it may be off: docs/adr/0018."
        ),
    )


def _say(console: Console, text: str) -> None:
    # Unwrapped, so that what is copied or searched for stands on one line.
    console.print(text, markup=False, highlight=False, soft_wrap=True)
